import { SharedCalls } from '../../async/shared-calls.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryClient } from '../repository-client.ts';
import type { Transport } from '../transport/transport.ts';

interface Upload {
  readonly signal: AbortSignal;
  /** Settles when it has cleaned up, too. */
  readonly ended: Promise<void>;
}

interface Uploads {
  readonly calls: SharedCalls<void>;
  readonly running: Map<string, Upload>;
}

const uploadsOf = new WeakMap<Transport, Uploads>();

/**
 * Runs an upload unless the same blob is on its way to the same repository already: then it waits for that, and runs only if
 * that fails (demand-and-quirks reference, Q-57). When this rejects because everybody gave up, the upload has cleaned up.
 */
export async function uploadOnce(
  { transport, name }: RepositoryClient,
  digest: Digest,
  task: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const uploads = uploadsOf.get(transport) ?? { calls: new SharedCalls<void>(), running: new Map<string, Upload>() };
  uploadsOf.set(transport, uploads);
  const key = `${name}@${digest}`;
  for (;;) {
    let own: Upload | undefined;
    const run = (inner: AbortSignal): Promise<void> => {
      const ended = task(inner);
      own = { signal: inner, ended };
      uploads.running.set(key, own);
      return ended;
    };
    try {
      await uploads.calls.run(key, run, signal);
      return;
    } catch (error) {
      const upload = own ?? uploads.running.get(key);
      if (upload?.signal.aborted === true) await upload.ended.catch(() => {});
      signal?.throwIfAborted();
      if (own !== undefined) throw error;
    } finally {
      if (own !== undefined && uploads.running.get(key) === own) uploads.running.delete(key);
    }
  }
}
