import { OciError, quoted } from '../../errors.ts';
import { parseReference, parseTag, sameRepository } from '../../oci/reference.ts';
import { imageThenTag } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import type { Globals } from '../globals.ts';
import { artifactJson, jsonFlag, printJson } from '../json-result.ts';
import { isArchive, type Location, nameWithDigest, parseLocation } from '../location.ts';
import { openLocation, openStore } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'IMG TAG',
  description:
    'Add a tag to an image in its repository, layout (oci:DIR) or Docker engine (docker-daemon:NAME). No layer is moved. TAG may also be a full reference in the same repository.',
  examples:
    'crane tag ghcr.io/org/app:v1.2.3 latest\ncrane tag ghcr.io/org/app@sha256:… ghcr.io/org/app:stable\ncrane tag oci:layout:v1 latest',
  arguments: exactly(2),
  complete: imageThenTag,
  flags: {
    json: jsonFlag('Print a JSON object with the new tag, and reference, digest, media type and size of what it names'),
  },
  async run({ args: [image = '', text = ''], context: session }) {
    const location = await step(`parsing reference ${JSON.stringify(image)}`, async () => parseLocation(image));
    const tag = newTag(location, text);
    if (location.kind === 'docker-daemon') {
      const { tagInEngine } = await import('../engine/tag-in-engine.ts');
      return tagInEngine(session, location, tag);
    }
    if (isArchive(location)) throw unchangeable(location);
    if (location.kind === 'registry') session.connections.writesTo(location.reference.registry);
    const { root } = await step(`fetching ${JSON.stringify(image)}`, () => openLocation(session, location, 'push'));
    const name = `${nameWithoutIdentifier(location)}:${tag}`;
    await step(`tagging ${name}`, async () => {
      const store = await openStore(session, location, 'push');
      if (!('tag' in store)) throw unchangeable(location);
      await store.tag(root, tag, session);
    });
    session.log.line(`${name}: digest: ${root.digest} size: ${root.size}`);
    if (session.printsJson)
      await printJson(session, { tag, ...artifactJson(nameWithDigest(location, root.digest), root) });
  },
});

function unchangeable({ text }: Location): OciError {
  return new OciError('UNSUPPORTED', `${quoted(text)} is in an archive, which cannot be changed in place`, {
    hint: 'Write another archive under that name: crane copy',
  });
}

function newTag(image: Location, text: string): string {
  if (text === '') {
    throw new OciError('INVALID_REFERENCE', `The new tag for ${quoted(image.text)} is empty: ""`, {
      hint: 'Write crane tag IMAGE TAG',
    });
  }
  if (image.kind !== 'registry' || !/[/:@]/.test(text)) return parseTag(text);
  const reference = parseReference(text);
  if (reference.digest === undefined && sameRepository(reference, image.reference)) return reference.tag ?? 'latest';
  throw new OciError('INVALID_REFERENCE', `${quoted(text)} is not a tag in the repository of ${quoted(image.text)}`, {
    hint: 'crane copy moves an image to another repository',
  });
}

/** As typed, without tag and digest. */
function nameWithoutIdentifier({ text, ...location }: Location): string {
  const { tag, digest } = 'reference' in location ? location.reference : location;
  const bare = digest === undefined ? text : text.slice(0, text.indexOf('@'));
  return tag !== undefined && bare.endsWith(`:${tag}`) ? bare.slice(0, -tag.length - 1) : bare;
}
