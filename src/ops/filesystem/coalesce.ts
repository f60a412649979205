/** Chunks below this are put together: most files in an image are smaller than a page of memory is worth a step. */
const smallSize = 16 * 1024;
const gatheredSize = 256 * 1024;

/** The same bytes in fewer chunks. */
export async function* coalesced(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let gathered = Buffer.allocUnsafeSlow(gatheredSize);
  let length = 0;
  for await (const chunk of chunks) {
    const isSmall = chunk.byteLength < smallSize;
    if (length > 0 && (!isSmall || length + chunk.byteLength > gatheredSize)) {
      yield gathered.subarray(0, length);
      gathered = Buffer.allocUnsafeSlow(gatheredSize);
      length = 0;
    }
    if (isSmall) {
      gathered.set(chunk, length);
      length += chunk.byteLength;
    } else yield chunk;
  }
  if (length > 0) yield gathered.subarray(0, length);
}
