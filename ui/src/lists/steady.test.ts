import { describe, expect, it } from 'vitest';
import { steady } from './steady';

const row = (id: number, phase = 'spec') => ({ id, phase });

describe('a list under the pointer', () => {
  it('takes the server’s order when nobody points at it', () => {
    expect(steady([row(1)], [row(2), row(1)], false)).toEqual({ rows: [row(2), row(1)], arrived: 0, gone: new Set() });
  });
  it('changes rows in their places and counts what is new', () => {
    const found = steady([row(2), row(1)], [row(3), row(2, 'build'), row(1)], true);
    expect(found.rows).toEqual([row(2, 'build'), row(1)]);
    expect(found.arrived).toBe(1);
    expect(found.gone.size).toBe(0);
  });
  it('keeps the place of what has left the list, and says so', () => {
    const found = steady([row(2), row(1)], [row(1)], true);
    expect(found.rows.map((one) => one.id)).toEqual([2, 1]);
    expect([...found.gone]).toEqual([2]);
  });
  it('does not call gone what a new row pushed off the page', () => {
    expect([...steady([row(2), row(1)], [row(3), row(2)], true).gone]).toEqual([]);
  });
});
