import { isOciError, type OciError } from '../../errors.ts';
import type { CallOptions } from '../../options.ts';
import { cloudOf } from '../../remote/auth/cloud-hosts.ts';
import type { RepositoryListing } from '../../remote/listing/list-repository.ts';
import type { RemoteStore } from '../../remote/remote-store.ts';
import type { Session } from '../session.ts';

/** Tells all that is known of the repository of a store. */
export type RepositoryLister = (store: RemoteStore, options: CallOptions) => Promise<RepositoryListing>;

/**
 * Asks the registry; of private registries of AWS, which do not tell themselves which manifests they have, AWS, where there is a
 * login for it.
 */
export function repositoryLister(session: Session): RepositoryLister {
  /** Without a login there is none for the next repository. */
  let loggedOut: OciError | undefined;
  return async (store, options) => {
    if (cloudOf(store.repository.registry) !== 'ecr') return store.list(options);
    const environment = { ...session.connections.credentialEnvironment(), run: undefined };
    let refusal = loggedOut;
    try {
      if (loggedOut !== undefined) throw loggedOut;
      const { listEcrRepository } = await import('../../keychains/ecr-manifests.ts');
      return await listEcrRepository(store.repository, { ...environment, ...options });
    } catch (error) {
      if (!isOciError(error, 'CREDENTIALS') && !isOciError(error, 'DENIED')) throw error;
      refusal = error;
      if (error.code === 'CREDENTIALS') loggedOut = error;
    }
    return { ...(await store.list(options)), refusal };
  };
}
