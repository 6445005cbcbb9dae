/** The wire form of server-sent events (WHATWG HTML, section 9.2.6), as far as the daemon uses it. */

export interface ServerEvent {
  name: string;
  data: string;
}

/** Turns chunks of text, cut anywhere, into events. */
export class EventParser {
  private rest = '';
  private name = 'message';
  private data: string[] = [];

  /** The events that `chunk` completes. */
  push(chunk: string): ServerEvent[] {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line.endsWith('\r') ? line.slice(0, -1) : line));
  }

  private line(line: string): ServerEvent[] {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment: the daemon's keep-alive.
    if (colon === 0) return [];
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    if (field === 'data') this.data.push(value);
    return [];
  }

  private dispatch(): ServerEvent[] {
    const event = { name: this.name, data: this.data.join('\n') };
    const isEmpty = this.data.length === 0;
    this.name = 'message';
    this.data = [];
    return isEmpty ? [] : [event];
  }
}
