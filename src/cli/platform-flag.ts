import { messageOf } from '../errors.ts';
import { formatPlatform, parsePlatform, type Platform } from '../oci/platform.ts';
import { custom, type Flag, inList } from './framework/flag.ts';

/** What `--platform` was given: once or several times, each time one platform or a list. */
export interface PlatformChoice {
  /** The last occurrence, which alone counts where one platform is meant, as with crane. */
  readonly last: readonly Platform[];
  /** All of them since the last `all`, each once. */
  readonly all: readonly Platform[];
}

/** Offered to who types one. */
export const commonPlatforms: readonly string[] = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/ppc64le',
  'linux/riscv64',
  'linux/s390x',
  'windows/amd64',
];

export const platformFlag: Flag<PlatformChoice | undefined> = custom<PlatformChoice | undefined>({
  description:
    'Image to choose from an index, as os/arch[/variant][:osversion]; several, as A,B, with append, base, convert, copy, flatten, index, mutate, pull to a layout, rebase, recompress and validate',
  valueName: 'platform',
  initial: undefined,
  shownDefault: 'all',
  repeatable: true,
  parse: readChoice,
  complete: inList(() => [...commonPlatforms, 'all']),
});

function readChoice(text: string, earlier: PlatformChoice | undefined): PlatformChoice | undefined {
  if (text === 'all') return undefined;
  const parts = text.split(',');
  if (parts.length > 1 && parts.some((part) => part.trim() === '')) throw new Error('a part between commas is empty');
  const last = parts.map(readPlatform);
  const all = new Map([...(earlier?.all ?? []), ...last].map((platform) => [formatPlatform(platform), platform]));
  return { last, all: Array.from(all.values()) };
}

/** One platform. @throws {Error} whose message is a reason, as flags give it */
export function readPlatform(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    // The framework names flag and value itself.
    throw new Error(messageOf(error).replace(/^Invalid platform "(?:[^"\\]|\\.)*": /, ''), { cause: error });
  }
}
