import { describe, expect, it } from 'vitest';
import { about, plural, span, tokens, usd } from './format';

describe('spans of time', () => {
  it('have one or two units', () => {
    expect([0, 59.9, 61, 700, 7500, 90_000, 900_000].map(span)).toEqual([
      '0s', '59s', '1m 1s', '11m', '2h 5m', '1d 1h', '10d',
    ]);
    expect(about(7500)).toBe('2h');
    expect(span(null)).toBe('–');
  });
});

describe('money and tokens', () => {
  it('never show an unmeasured cost as zero', () => {
    expect([null, '0', '0.004', '1.5', '1234.5'].map(usd)).toEqual(['–', '$0', '<$0.01', '$1.50', '$1,235']);
  });
  it('are short', () => {
    expect([900, 1234, 12_345, 4_500_000].map(tokens)).toEqual(['900', '1.2k', '12k', '4.5M']);
    expect(plural(1, 'item')).toBe('1 item');
  });
});
