import { repositoryName } from '../../daemon/load-into-daemon.ts';
import { OciError, quoted } from '../../errors.ts';
import { isDigest } from '../../oci/digest.ts';
import { parseReference } from '../../oci/reference.ts';
import { printJson } from '../json-result.ts';
import type { LocalLocation } from '../location.ts';
import type { Session } from '../session.ts';
import { sessionEngine } from './session-engine.ts';

/** Gives an image in the engine one more tag of its repository. Nothing of it is moved. */
export async function tagInEngine(session: Session, { text, path }: LocalLocation, tag: string): Promise<void> {
  if (isDigest(path)) {
    throw new OciError('UNSUPPORTED', `${quoted(text)} has no repository, which the tag would be in`, {
      hint: 'Name the image instead of its ID, or give the ID a name: crane copy docker-daemon:ID docker-daemon:NAME:TAG',
    });
  }
  const engine = await sessionEngine(session);
  const image = await engine.inspect(path, session);
  if (image === undefined) throw engine.notFound(path);
  const repository = repositoryName(parseReference(path));
  await engine.tag(image.id, repository, tag, session);
  const reference = `docker-daemon:${repository}:${tag}`;
  session.log.line(`${reference}: image ID ${image.id}`);
  if (session.printsJson) await printJson(session, { tag, reference, imageId: image.id });
}
