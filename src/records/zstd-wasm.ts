// Zstandard as WebAssembly, for Node before 22.15 (zstd.ts). Frames are unpacked with one context, into memory of the library that is used
// again, and are looked at there: through the package's own function each batch would be copied into a new buffer, and with large
// batches the collector then took as long as the unpacking. That needs four functions that the package keeps in a file
// beside its main one; package.json pins its version (a caret below 0.1 allows no other), and zstd.test.ts unpacks through it on every Node.
import { besideMain, required } from '../runtime/on-first-use.ts';

/** One frame at a time. */
export interface ZstdLibrary {
  compress(bytes: Buffer, level: number): Buffer;
  /** `boundBytes` is at least 1; more output than that is an error. */
  decompress(frame: Buffer, boundBytes: number): Buffer;
  /** What `decompress` returns is good until the next call of either. */
  readonly isOutputBorrowed: boolean;
  isOutputTooSmall(error: unknown): boolean;
}

interface WasmModule {
  /** All of the memory; another object after it grew. */
  readonly HEAPU8: Uint8Array;
  /** 0 when there is no more. */
  _malloc(bytes: number): number;
  _free(address: number): void;
  _ZSTD_createDCtx(): number;
  /** Bytes written, or the negative code of an error. */
  _ZSTD_decompress_usingDict(
    context: number,
    to: number,
    toBytes: number,
    from: number,
    fromBytes: number,
    dictionary: number,
    dictionaryBytes: number,
  ): number;
}

/** ZSTD_error_dstSize_tooSmall */
const OUTPUT_TOO_SMALL = -70;

export async function loadZstdWasm(): Promise<ZstdLibrary> {
  const wasm = required<typeof import('@bokuweb/zstd-wasm')>('@bokuweb/zstd-wasm');
  await wasm.init();
  const { Module } = besideMain<{ Module: WasmModule }>('@bokuweb/zstd-wasm', './module.js');
  const context = Module._ZSTD_createDCtx();
  const input = new Place(Module);
  const output = new Place(Module);
  return {
    isOutputBorrowed: true,
    compress(bytes, level) {
      // Memory that grows leaves the views of the old one empty.
      const isInside = bytes.buffer === Module.HEAPU8.buffer;
      const packed = wasm.compress(isInside ? Buffer.from(bytes) : bytes, level);
      return Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    },
    decompress(frame, boundBytes) {
      const from = input.take(frame.length);
      const to = output.take(boundBytes);
      Module.HEAPU8.set(frame, from);
      const bytes = Module._ZSTD_decompress_usingDict(context, to, boundBytes, from, frame.length, 0, 0);
      if (bytes < 0) throw new ZstdError(bytes);
      return Buffer.from(Module.HEAPU8.buffer as ArrayBuffer, to, bytes);
    },
    isOutputTooSmall: (error) => error instanceof ZstdError && error.code === OUTPUT_TOO_SMALL,
  };
}

class ZstdError extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`zstd failed with code ${code}`);
    this.code = code;
  }
}

/** What is larger is given back at the next use: batches of real producers stay below. */
const KEPT_BYTES_MAX = 1024 * 1024;
const KEPT_BYTES_MIN = 64 * 1024;

/** A piece of the library's memory that grows with what is asked for. */
class Place {
  readonly #module: WasmModule;
  #address = 0;
  #bytes = 0;

  constructor(module: WasmModule) {
    this.#module = module;
  }

  /** The address of so many bytes, until the next take. */
  take(bytes: number): number {
    if (bytes <= this.#bytes && this.#bytes <= KEPT_BYTES_MAX) return this.#address;
    if (this.#address !== 0) this.#module._free(this.#address);
    this.#address = this.#bytes = 0;
    let size = bytes;
    if (bytes <= KEPT_BYTES_MAX) for (size = KEPT_BYTES_MIN; size < bytes; ) size *= 2;
    const address = this.#module._malloc(size);
    if (address === 0) throw new Error(`no memory for ${bytes} bytes`);
    this.#address = address;
    this.#bytes = size;
    return address;
  }
}
