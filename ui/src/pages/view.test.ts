import { describe, expect, it } from 'vitest';
import { readView } from './view';

describe('a view in the address', () => {
  it('is read back as it was shared', () => {
    const view = readView(new URLSearchParams('project=a&phase=build,review&text=say&failing=true&sort=priority&group=project&sel=3,1'));
    expect(view).toEqual({
      project: 'a', phase: ['build', 'review'], text: 'say', failing: true, sort: 'priority', grouped: true, selected: [3, 1],
    });
  });
  it('leaves out what is not known', () => {
    const view = readView(new URLSearchParams('phase=nonsense,build&sort=;drop&sel=x,-1,2'));
    expect([view.phase, view.sort, view.selected, view.failing]).toEqual([['build'], '-id', [2], false]);
  });
});
