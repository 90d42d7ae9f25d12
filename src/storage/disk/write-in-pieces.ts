// Writes in pieces: of synchronous ones single writes of 2 MiB and more were measured to be the slowest.
import type { OpenFile } from '../../runtime/files.ts';

const syncPieceBytes = 1024 * 1024;

export function writeInPieces(file: OpenFile, parts: readonly Uint8Array[], position: number): void {
  for (const piece of pieces(parts)) file.writeSync(piece.parts, position + piece.offset);
}

/** The parts again, in groups of at most so many bytes; `offset` is where a group starts within all of them. */
export function* pieces(
  parts: readonly Uint8Array[],
  pieceBytes = syncPieceBytes,
): Generator<{ parts: Uint8Array[]; offset: number; bytes: number }> {
  let group: Uint8Array[] = [];
  let groupBytes = 0;
  let offset = 0;
  for (const part of parts) {
    let rest = part;
    while (groupBytes + rest.length > pieceBytes) {
      const room = pieceBytes - groupBytes;
      // A part that nearly fits moves to the next group whole; one that never fits is cut.
      if (rest.length > pieceBytes || group.length === 0) {
        group.push(rest.subarray(0, room));
        groupBytes += room;
        rest = rest.subarray(room);
      }
      yield { parts: group, offset, bytes: groupBytes };
      offset += groupBytes;
      group = [];
      groupBytes = 0;
    }
    if (rest.length > 0) {
      group.push(rest);
      groupBytes += rest.length;
    }
  }
  if (group.length > 0) yield { parts: group, offset, bytes: groupBytes };
}
