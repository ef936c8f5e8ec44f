"""Who somebody is.

- One person, one row: an e-mail address is compared in its normal form.
- A token is only as alive as its sign-in, read on every request: logout, a new password and disabling act at once.
- Only registering tells whether an address has an account, and it is counted. Signing in and asking for a new password
  give an unknown one the same words after the same work.
- A try at a password is counted before the password is looked at, so no number of parallel tries gets more of them.
- Who has left is a row without a name that nobody can come in by; it is there because the books need an owner.
"""
