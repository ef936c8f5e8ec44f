"""HTTP in, HTTP out. Knows requests, answers and their errors, and no domain at all.

A route is a row of a table (`endpoints`): the row routes, validates, documents, and is closed unless it says otherwise.
"""
