/**
 * The first byte of every value in {@link encodePlain}'s format, and the error for bytes that are not in it.
 *
 * @module
 */

/** Bytes that are not what they should be. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/** Values nested deeper are refused, in both directions. */
export const DEPTH_MAX = 64;

export const UNDEFINED = 0x00;
export const NULL = 0x01;
export const FALSE = 0x02;
export const TRUE = 0x03;
export const INTEGER = 0x04;
export const NUMBER = 0x05;
export const BIGINT_64 = 0x06;
export const BIGINT = 0x07;
export const STRING = 0x08;
export const STRING_16 = 0x09;
export const BYTES = 0x0a;
/** Bytes that travel beside the rest. */
export const BYTES_BESIDE = 0x0b;
export const ARRAY = 0x0c;
export const MAP = 0x0d;
export const SET = 0x0e;
export const OBJECT = 0x0f;
/** Plus the size, up to {@linkcode SHORT_STRING_BYTES_MAX}. */
export const SHORT_STRING = 0x40;
export const SHORT_STRING_BYTES_MAX = 0x3f;
/** Plus the number, up to {@linkcode SMALL_INTEGER_MAX}. */
export const SMALL_INTEGER = 0x80;
export const SMALL_INTEGER_MAX = 0x7f;
