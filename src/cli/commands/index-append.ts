import type { Platform } from '../../oci/platform.ts';
import { appendToIndex, type IndexAddition } from '../../ops/edit/append-to-index.ts';
import type { Artifact } from '../../store/artifact.ts';
import { indexJsonFlag, openIndexPlace } from '../editing/index-place.ts';
import {
  type IndexArgument,
  openIndexArgument,
  parseImageArgument,
  parseIndexArgument,
} from '../editing/index-argument.ts';
import { images } from '../completing/completions.ts';
import { any } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, custom, string, strings, stringToString } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { commonPlatforms, readPlatform } from '../platform-flag.ts';
import type { Session } from '../session.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: '[BASE [MANIFEST...]]',
  description:
    'List more images in an index. BASE is the index, and the result takes its place unless --tag says otherwise; without BASE the index is new. Of a MANIFEST that is an index itself its images are listed, with --flatten=false the index. What is listed already is not listed twice. A directory, and oci:DIR, as BASE is a layout as a whole: images are copied there and listed in its index.json, and it is made when it is not there. With --platform only the images for those platforms are taken.',
  examples:
    'crane index append -t registry.example.com/app:v1 -m registry.example.com/app:v1-amd64 -m registry.example.com/app:v1-arm64\ncrane index append registry.example.com/app:v1 registry.example.com/app:v1-s390x\ncrane index append registry.example.com/app:v1 -m app.tar --entry-platform linux/arm/v7 --entry-annotation built-by=ci\ncrane index append ./layout ghcr.io/org/app:v1',
  arguments: any,
  complete: images,
  flags: {
    manifest: strings({
      shorthand: 'm',
      complete: images,
      description: 'Images and indexes to list, in front of those after BASE',
    }),
    json: indexJsonFlag,
    tag: string({
      shorthand: 't',
      complete: images,
      description: 'Where the result goes; in place of BASE when left out',
    }),
    'docker-empty-base': bool({ description: 'Without BASE, begin with a Docker manifest list and not an OCI index' }),
    flatten: bool({ initial: true, description: 'List the images of an index, and not the index itself' }),
    annotation: stringToString({ shorthand: 'a', description: 'Annotations of the index to set' }),
    'entry-annotation': stringToString({ description: 'Annotations to give the entries of what is listed' }),
    'entry-platform': custom<Platform | 'none' | undefined>({
      description: "Platform to list the image for, or none, instead of what the image's config says",
      valueName: 'platform',
      initial: undefined,
      parse: (text) => (text === 'none' ? text : readPlatform(text)),
      complete: () => [...commonPlatforms, 'none'],
    }),
  },
  async run({ args, flags, context: session }) {
    const [base = '', ...more] = args;
    const names = [...flags.manifest, ...more].filter((name) => name !== '');
    const { tag, flatten, annotation, 'entry-platform': platform } = flags;
    if (base === '' && tag === '') throw new UsageError('at least one of BASE or --tag must be specified');
    if (platform !== undefined && platform !== 'none' && names.length !== 1) {
      throw new UsageError(`--entry-platform is for one MANIFEST, and there are ${names.length}`);
    }
    const source = base === '' ? undefined : await parseIndexArgument(session, base);
    const manifests: IndexArgument[] = [];
    for (const name of names) manifests.push(await parseImageArgument(session, name));
    const change = await openIndexPlace(session, source, {
      tag,
      createLayout: true,
      empty: flags['docker-empty-base'] ? 'docker' : 'oci',
    });
    if (source === undefined) session.log.line('base unspecified, using empty index');
    const edit = {
      flatten,
      platform: platform === 'none' ? null : platform,
      annotations: flags['entry-annotation'].size === 0 ? undefined : Object.fromEntries(flags['entry-annotation']),
    };
    let additions: readonly IndexAddition[] | undefined;
    await change(async (index) => {
      additions ??= (await openAll(session, manifests)).map((artifact) => Object.assign({ artifact }, edit));
      const annotations = annotation.size === 0 ? undefined : { set: annotation };
      return appendToIndex(index, additions, { annotations, signal: session.signal });
    });
  },
});

/** All at once; when one fails, the others have ended before that is told. */
async function openAll(session: Session, manifests: readonly IndexArgument[]): Promise<readonly Artifact[]> {
  const opening = manifests.map((manifest) => open(session, manifest));
  await Promise.allSettled(opening);
  return Promise.all(opening);
}

async function open(session: Session, manifest: IndexArgument): Promise<Artifact> {
  const artifact = await openIndexArgument(session, manifest);
  if (session.platforms.length === 0) return artifact;
  const { trimToPlatforms } = await import('../../ops/platforms.ts');
  return trimToPlatforms(artifact, session.platforms, session);
}
