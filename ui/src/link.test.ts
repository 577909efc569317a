import { describe, expect, it } from 'vitest';
import { parted } from './link';

describe('a sign-in link', () => {
  it('gives its token, and the address without it', () => {
    expect(parted('#/?token=dam_x-Y_z')).toEqual({ hash: '#/', token: 'dam_x-Y_z' });
    expect(parted('#?token=dam_x')).toEqual({ hash: '#', token: 'dam_x' });
    expect(parted('#/items?phase=build,review&token=dam_x&item=3')).toEqual({
      hash: '#/items?phase=build,review&item=3',
      token: 'dam_x',
    });
  });
  it('leaves no second token behind, however it is written', () => {
    expect(parted('#/?token=dam_a&token=dam_b')).toEqual({ hash: '#/', token: 'dam_a' });
    expect(parted('#/?%74oken=dam_a')).toEqual({ hash: '#/', token: 'dam_a' });
    expect(parted('#/?token=')).toEqual({ hash: '#/', token: '' });
    expect(parted('#/?sort=id?token=dam_a').token).toBeNull();
  });
  it('is not any other address', () => {
    expect(parted('#/items?text=a%20token%3D&sort=id')).toEqual({ hash: '#/items?text=a%20token%3D&sort=id', token: null });
    expect(parted('')).toEqual({ hash: '', token: null });
  });
});
