/** Follows the daemon: what there is, then its events, again and again when the connection breaks. */

import type { Message } from '../live/live.ts';
import { EventParser, type ServerEvent } from './event_parser.ts';
import { DaemonError, request } from './request.ts';
import type { Estate } from './schema.ts';

/** A kill must be shown within 2 s, so a daemon that comes back is looked for as often. */
const RETRY_AFTER_MS = 1000;
/** The state comes each second: five missed ones are a dead connection that TCP has not noticed. */
const SILENCE_MAX_MS = 5000;

/** Tells `tell` everything the daemon says, for as long as the page lives. */
export async function followDaemon(tell: (message: Message) => void): Promise<never> {
  for (;;) {
    const status = await followOnce(tell).catch((error: unknown) => {
      tell({ type: 'disconnected', at_ms: Date.now(), why: whyOf(error), needs_token: isUnauthorized(error) });
      return isUnauthorized(error) ? 'unauthorized' : 'broken';
    });
    await (status === 'unauthorized' ? tokenGiven() : wait(RETRY_AFTER_MS));
  }
}

/** Announces that the operator entered a token: following starts again. */
export function tokenEntered(): void {
  document.dispatchEvent(new Event('weir-token'));
}

function tokenGiven(): Promise<void> {
  return new Promise((resolve) => document.addEventListener('weir-token', () => resolve(), { once: true }));
}

async function followOnce(tell: (message: Message) => void): Promise<'broken'> {
  const silence = new AbortController();
  // Asked for on every connection: the daemon may have come back with another inventory.
  const askEstate = async () => (await (await request('/api/v1/estate', { signal: silence.signal })).json()) as Estate;
  const estate = await askEstate();
  const events = await request('/api/v1/events', { signal: silence.signal });
  tell({ type: 'connected', estate });
  for await (const event of eventsOf(events, silence)) {
    const message = messageOf(event);
    if (message) tell(message);
    // A reload changed what there is, or may have: that it did can be among what was missed.
    if (event.name === 'estate' || event.name === 'missed') tell({ type: 'estate', estate: await askEstate() });
  }
  throw new DaemonError(0, 'the daemon ended the connection');
}

async function* eventsOf(response: Response, silence: AbortController): AsyncGenerator<ServerEvent> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  while (reader) {
    const alarm = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(alarm));
    if (done) return;
    yield* parser.push(value);
  }
}

/** The message that an event is; `undefined` for names that this page does not know. */
export function messageOf(event: ServerEvent): Message | undefined {
  switch (event.name) {
    case 'state':
      return { type: 'state', state: JSON.parse(event.data) };
    case 'finding':
      return { type: 'finding', finding: JSON.parse(event.data) };
    case 'plan':
      return { type: 'plan', plan: JSON.parse(event.data) };
    case 'missed':
      return { type: 'missed', count: JSON.parse(event.data).missed ?? 1 };
    default:
      return undefined;
  }
}

function whyOf(error: unknown): string {
  if (error instanceof DaemonError) return error.message;
  if (error instanceof DOMException && error.name === 'AbortError') {
    return `nothing came for ${SILENCE_MAX_MS / 1000} s`;
  }
  return 'the connection broke';
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof DaemonError && error.status === 401;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
