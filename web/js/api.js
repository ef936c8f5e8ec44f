const TIMEOUT_MS = 30_000;

/** What went wrong with a request, in words that can be shown as they are. */
export class ApiError extends Error {
  constructor(message, details = {}) {
    super(message);
    this.name = "ApiError";
    this.status = details.status ?? 0;
    this.code = details.code ?? "unknown";
    this.requestId = details.requestId ?? null;
    this.fields = details.fields ?? [];
    this.retryAfterSeconds = details.retryAfterSeconds ?? null;
    this.body = details.body ?? {};
  }
}

/**
 * Sends one request and answers the JSON of the reply, or null when it has none.
 * Nothing is ever sent twice: whether a repeat is safe is for the caller to know.
 */
export async function request(method, path, { body, headers = {}, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const options = {
    method,
    credentials: "same-origin",
    cache: "no-store",
    headers: { Accept: "application/json", ...headers },
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable(cause);
  }
  const answer = parse(text);
  if (!response.ok) throw refused(response, answer);
  if (text && answer === undefined) throw unreadable(response);
  return answer ?? null;
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, body, options) => request("POST", path, { ...options, body });
export const patch = (path, body, options) => request("PATCH", path, { ...options, body });
export const remove = (path, options) => request("DELETE", path, options);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(cause) {
  if (cause.name === "TimeoutError") {
    return new ApiError("Prome took too long to answer. Please try again.", { code: "timed_out" });
  }
  const message = navigator.onLine
    ? "Prome cannot be reached right now. Check your connection and try again."
    : "You are offline. Connect to the internet and try again.";
  return new ApiError(message, { code: "network_failed" });
}

function unreadable(response) {
  return new ApiError("Prome answered in a way this page does not understand. Please reload it.", {
    status: response.status,
    code: "unreadable_answer",
    requestId: response.headers.get("X-Request-ID"),
  });
}

/** The error that an answer which was refused stands for, also where it comes as the one event of a stream. */
export async function refusal(response) {
  const text = await response.text().catch(() => "");
  return refused(response, parse(/^data: (.*)$/m.exec(text)?.[1] ?? text));
}

function refused(response, answer) {
  const body = answer !== null && typeof answer === "object" ? answer : {};
  return new ApiError(body.error || "Something went wrong on our side. Please try again.", {
    status: response.status,
    code: body.code,
    requestId: body.requestId || response.headers.get("X-Request-ID"),
    fields: Array.isArray(body.fields) ? body.fields : [],
    retryAfterSeconds: body.retryAfterSeconds ?? secondsToWait(response.headers.get("Retry-After")),
    body,
  });
}

function secondsToWait(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}
