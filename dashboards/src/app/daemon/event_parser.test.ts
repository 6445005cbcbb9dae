import { expect, test } from 'vitest';
import { EventParser } from './event_parser.ts';
import { messageOf } from './follow.ts';
import { errorOf } from './request.ts';

const STREAM = 'event: state\ndata: {"a":1}\n\n: keep-alive\n\nevent: plan\r\ndata: x\r\ndata:  y\r\n\r\n';

test('events come out whole, wherever the chunks are cut', () => {
  const whole = [
    { name: 'state', data: '{"a":1}' },
    { name: 'plan', data: 'x\n y' },
  ];
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    expect(events, `chunks of ${size}`).toEqual(whole);
  }
});

test('comments, and blocks without data, are no events', () => {
  expect(new EventParser().push(': hello\n\nevent: x\n\n\n')).toEqual([]);
});

test('an unfinished event waits', () => {
  const parser = new EventParser();
  expect(parser.push('data: 1\n')).toEqual([]);
  expect(parser.push('\n')).toEqual([{ name: 'message', data: '1' }]);
});

test('events are messages, unknown names are not', () => {
  expect(messageOf({ name: 'missed', data: '{"missed":4}' })).toEqual({ type: 'missed', count: 4 });
  expect(messageOf({ name: 'plan', data: '{"number":"1.2"}' })).toEqual({ type: 'plan', plan: { number: '1.2' } });
  expect(messageOf({ name: 'tomorrow', data: '{}' })).toBeUndefined();
});

test('errors are what the daemon says', () => {
  expect(errorOf(400, '{"error":"no table","hint":"SHOW TABLES"}')).toMatchObject({ message: 'no table', hint: 'SHOW TABLES' });
  expect(errorOf(400, 'there is no node `x`\n')).toMatchObject({ message: 'there is no node `x`', hint: '' });
  expect(errorOf(404, '').message).toBe('this daemon does not offer that');
  expect(errorOf(500, '').message).toContain('500');
});
