// A 64-bit integer of the wire from its halves, as the nearest number.

/**
 * Both as int32. What fits into 32 bits comes without arithmetic on doubles: V8 would make an object on the heap for each
 * result, even for 0.
 */
export function int64Of(high: number, low: number): number {
  return high === low >> 31 ? low : high * 0x1_0000_0000 + (low >>> 0);
}
