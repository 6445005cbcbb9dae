/** Requests to the daemon: one place for the token and for what its errors look like. */

const TOKEN_KEY = 'weir.token';

/** The daemon refused, or could not be asked (status 0). */
export class DaemonError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string = '',
  ) {
    super(message);
    this.name = 'DaemonError';
  }
}

/** Kept for this tab only: a token that outlives the tab is a password in a drawer. */
export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** Sends a request with the token there is; anything but a success is thrown as `DaemonError`. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  const response = await fetch(path, { ...init, headers }).catch((cause: unknown) => {
    if (init.signal?.aborted) throw cause;
    throw new DaemonError(0, 'the daemon does not answer', 'is `weir run` or `weir demo` still running?');
  });
  if (!response.ok) throw errorOf(response.status, await response.text().catch(() => ''));
  return response;
}

/** The error that a response with `status` and `body` says: `{"error", "hint"}`, or plain text. */
export function errorOf(status: number, body: string): DaemonError {
  try {
    const said: unknown = JSON.parse(body);
    if (typeof said === 'object' && said !== null && 'error' in said) {
      const hint = 'hint' in said && typeof said.hint === 'string' ? said.hint : '';
      return new DaemonError(status, String(said.error), hint);
    }
  } catch {
    // Not JSON: plain text, as most handlers answer.
  }
  if (status === 404 && body === '') return new DaemonError(status, 'this daemon does not offer that');
  return new DaemonError(status, body.trim() || `the daemon answered with status ${status}`);
}
