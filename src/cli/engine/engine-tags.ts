import { isOciError, OciError, quoted } from '../../errors.ts';
import { dockerHub, type Reference, type Repository, sameRepository, tryReference } from '../../oci/reference.ts';
import type { TagPlace } from '../listing/tag-place.ts';
import type { LocalLocation } from '../location.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { sessionEngine } from './session-engine.ts';

/**
 * The tags that a repository has in the engine, the newest image first.
 *
 * @throws {OciError} `INVALID_REFERENCE` for the name or ID of one image
 */
export function openEngineTags(session: Session, { text, path }: LocalLocation): TagPlace {
  const repository = repositoryIn(text, path);
  return {
    referenceOf: (tag) => `${text}:${tag}`,
    async *list({ signal }) {
      const engine = await sessionEngine(session);
      const images = await engine.images({ signal });
      yield images.flatMap(({ names, size, created }) =>
        names.flatMap((name) => tagIn(name, repository)).map((tag) => ({ tag, imageSize: size, created })),
      );
    },
    // What an engine tells without saving an image is in its list.
    describe: async (tags) => tags,
  };
}

function repositoryIn(text: string, path: string): Repository {
  try {
    return parseRepositoryArgument(path);
  } catch (error) {
    if (!isOciError(error)) throw error;
    throw new OciError(error.code, `${quoted(text)} names one image, where a repository is meant`, {
      hint: 'Write docker-daemon:NAME, without a tag',
      cause: error,
    });
  }
}

/** The tag of a name, where it is one of the repository; no engine keeps names without one. */
function tagIn(name: string, repository: Repository): readonly string[] {
  const reference = tryReference(name);
  if (reference?.tag === undefined || !isIn(reference, repository)) return [];
  return [reference.tag];
}

function isIn(reference: Reference, repository: Repository): boolean {
  if (sameRepository(reference, repository)) return true;
  // What podman builds under a name without a registry.
  const { registry, repository: name } = reference;
  const names = [name, `library/${name}`];
  return registry === 'localhost' && repository.registry === dockerHub && names.includes(repository.repository);
}
