import type { ByteSource } from '../../content/bytes.ts';
import { encodeGlobalHeader, encodeTarHeader, tarFieldsOf } from '../../content/tar/encode-header.ts';
import { blockSize, type TarHeaderPart } from '../../content/tar/entry.ts';
import { fields, textField } from '../../content/tar/field.ts';
import { rawSizeOf } from '../../content/tar/header.ts';
import { cleanPath } from '../../content/tar/path.ts';
import { parsePaxRecords } from '../../content/tar/pax.ts';
import { type TarEntry, TarReader } from '../../content/tar/reader.ts';
import { decodeText } from '../../content/tar/text.ts';
import { type TarInput, writeTar } from '../../content/tar/writer.ts';
import { OciError, quoted } from '../../errors.ts';
import { expandSparse } from '../filesystem/sparse-body.ts';

/**
 * Rewrites a tar archive as layers of Windows images are, entry by entry as it passes: everything goes below `Files`, beside which
 * there is `Hives`, and belongs to the built-in users. The archive that comes out is crane's, byte for byte, except that hard
 * links lead to where their targets went, and sparse files of the old GNU format come out whole. crane-cli reference, section 9.1.
 *
 * @throws {OciError} while reading: `INVALID_ARCHIVE`, also for an archive that is such a layer already, or has names that lead
 *   out of it; `UNSUPPORTED` for entries of unknown types
 */
export function windowsLayerTar(source: ByteSource): AsyncGenerator<Uint8Array, void> {
  return writeTar(entriesOf(source));
}

/** A security descriptor that lets the built-in users do what the mode would let everybody do, as crane writes it. */
const securityDescriptor = 'AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA==';
const descriptorKey = 'MSWINDOWS.rawsd';

async function* entriesOf(source: ByteSource): AsyncGenerator<TarInput, void> {
  for (const name of ['Files', 'Hives']) yield { header: { name, type: 'directory', mode: 0o555 } };
  for await (const entry of new TarReader(source)) {
    yield* globalHeadersOf(entry);
    yield rewritten(entry);
  }
}

/** Records for all entries that follow stay what they are. */
function* globalHeadersOf({ parts }: TarEntry): Generator<TarInput, void> {
  for (const part of parts) {
    if (part.kind === 'pax-global') yield { blocks: encodeGlobal(part), size: 0 };
  }
}

function rewritten({ header, parts, body }: TarEntry): TarInput {
  const { sparse, type, linkname } = header;
  const size = sparse?.realSize ?? header.size;
  const changed = {
    ...tarFieldsOf(header),
    name: placed(header.name),
    linkname: type === 'hardlink' ? placed(linkname) : linkname,
    size,
    pax: new Map([...ownRecords(parts), [descriptorKey, securityDescriptor]]),
  };
  return {
    blocks: encodeTarHeader(changed, { times: 'all' }),
    size,
    body: sparse === undefined ? body : expandSparse(body, sparse),
  };
}

/** Without those of global headers, which stand in headers of their own. */
function ownRecords(parts: readonly TarHeaderPart[]): ReadonlyMap<string, string> {
  const part = parts.findLast(({ kind }) => kind === 'pax');
  return part === undefined ? new Map() : recordsOf(part);
}

function recordsOf({ bytes }: TarHeaderPart): ReadonlyMap<string, string> {
  const size = rawSizeOf(bytes.subarray(0, blockSize));
  return parsePaxRecords(bytes.subarray(blockSize, blockSize + size));
}

function encodeGlobal(part: TarHeaderPart): Uint8Array {
  const name = decodeText(textField(part.bytes, fields.name));
  const records = new Map([...recordsOf(part), [descriptorKey, securityDescriptor]]);
  return encodeGlobalHeader(`Files/${cleanPath(name)}`, records);
}

/** Below `Files`, as Go's `path.Join` writes it. */
function placed(name: string): string {
  if (name.startsWith('Files/')) {
    throw new OciError('INVALID_ARCHIVE', `The entry ${quoted(name)} is in a layer of a Windows image already`, {
      hint: 'Name the files as they are seen in the container, without Files/',
    });
  }
  const clean = cleanPath(name);
  if (clean === '..' || clean.startsWith('../')) {
    throw new OciError('INVALID_ARCHIVE', `The entry ${quoted(name)} leads out of the layer`);
  }
  return clean === '' ? 'Files' : `Files/${clean}`;
}
