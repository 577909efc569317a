import { describe, expect, it } from 'vitest';
import { clean, lastLines, pieces, safeHref } from './safe';

const ESC = '\u001b';

describe('text from outside', () => {
  it('loses colours, window titles and carriage returns', () => {
    expect(clean(`${ESC}[31mred${ESC}[0m\r\n${ESC}]0;title\u0007next`)).toBe('red\nnext');
  });
  it('loses marks that reorder what a person reads', () => {
    expect(clean('ab\u202ecd\u200be\u0000')).toBe('abcde');
  });
  it('keeps markup as the characters it is', () => {
    expect(clean('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>');
  });
});

describe('links', () => {
  it('are http and https only', () => {
    expect(safeHref('https://forge.test/a/pulls/1')).toBe('https://forge.test/a/pulls/1');
    for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'x', '', null])
      expect(safeHref(bad)).toBeNull();
  });
  it('are found in text, without the full stop behind them', () => {
    expect(pieces('see https://a.test/b. Or javascript:alert(1)')).toEqual([
      { text: 'see ', href: null },
      { text: 'https://a.test/b', href: 'https://a.test/b' },
      { text: '. Or javascript:alert(1)', href: null },
    ]);
  });
});

describe('the last lines', () => {
  it('are the last ones that say something', () => {
    expect(lastLines('one\ntwo\nthree\n\n', 2)).toBe('two\nthree');
  });
});
