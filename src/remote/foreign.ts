import type { ByteStream } from '../content/bytes.ts';
import { isOciError, type OciError } from '../errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { RepositoryClient } from './repository-client.ts';
import { checkHop } from './transport/redirect.ts';

/**
 * Opens a layer that its registry need not hold from the places its descriptor names, in their order. No credentials go
 * there; the rules are those of a redirect from the registry. OCI image-spec, descriptor.md "urls".
 *
 * @param missing what the registry said, thrown when no place has it either
 */
export async function openForeign(
  client: RepositoryClient,
  target: Descriptor,
  missing: OciError,
  signal: AbortSignal | undefined,
): Promise<ByteStream> {
  const { transport, repository, name } = client;
  const origin = transport.originOf(repository.registry);
  for (const text of target.urls ?? []) {
    try {
      const url = new URL(text);
      checkHop(origin, origin, url, transport.isInsecure(repository.registry));
      const purpose = `read layer ${target.digest} of ${name} from ${url.host}`;
      return (await client.send({ method: 'GET', path: url, purpose, expect: [200], access: 'pull', signal })).body;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOciError(error) && !(error instanceof TypeError)) throw error;
      transport.warn(`Layer ${target.digest} could not be read from ${text}: ${error.message}`);
    }
  }
  throw missing;
}
