import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Large enough to take what has arrived on a fast connection with one read, small enough to have some per connection. */
const slabSize = 256 * 1024;
/** What is left of a slab below this goes unused. */
const smallestRead = 64 * 1024;

/**
 * Opens a connection whose reads go into slabs of ours. Node reads 64 KiB at most at a time and makes a buffer for each; on
 * a fast network this needs a fraction of the reads and events (docs/performance.md).
 */
export function connectWithSlabs(options: NetConnectOpts): Socket {
  let slab = Buffer.allocUnsafeSlow(slabSize);
  let used = 0;
  const socket = connect({
    ...options,
    onread: {
      buffer() {
        if (slabSize - used < smallestRead) {
          slab = Buffer.allocUnsafeSlow(slabSize);
          used = 0;
        }
        return slab.subarray(used);
      },
      callback(count, buffer) {
        used += count;
        socket.emit('data', buffer.subarray(0, count));
        return true;
      },
    },
  });
  return socket;
}
