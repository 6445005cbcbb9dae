import { expect, test } from 'vitest';
import { age, bitsPerSecond, clockTime, count, mbps, money, percent } from './format.ts';

test('bits a second have three digits and the unit that fits', () => {
  expect([0, 950, 16e6, 1.25e9, 200e6, 8.464e6, 999.7e3, 5e15].map(bitsPerSecond)).toEqual([
    '0 bit/s', '950 bit/s', '16 Mbit/s', '1.25 Gbit/s', '200 Mbit/s', '8.46 Mbit/s', '1 Mbit/s', '5000 Tbit/s',
  ]);
  expect(bitsPerSecond(Number.NaN)).toBe('–');
});

test('money is never rounded', () => {
  expect(money('1234567.10')).toBe('1\u2009234\u2009567.10');
  expect(money('-1234.5')).toBe('-1\u2009234.5');
  expect(money('0.00')).toBe('0.00');
  expect(money('90071992547409931.23')).toContain('931.23');
});

test('parts are percent, whole where they are whole', () => {
  expect([1, 0.6, 0.117831, 0.99999].map(percent)).toEqual(['100 %', '60 %', '11.8 %', '100 %']);
});

test('what is not known is a dash', () => {
  expect([mbps(null), count(null), percent(Number.NaN)]).toEqual(['–', '–', '–']);
  expect([mbps(3.14), mbps(123.4), count(1500)]).toEqual(['3.1', '123', '1\u2009500']);
});

test('times and ages', () => {
  expect(clockTime(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('03:04:05');
  expect([4e3, 119e3, 120e3, 7.2e6, 1.8e8, -50].map(age)).toEqual(['4 s', '119 s', '2 min', '2 h', '2 d', '0 s']);
});
