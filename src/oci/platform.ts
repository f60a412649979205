import { OciError, quoted } from '../errors.ts';
import { array, type Decoder, object, optional, string } from './decode.ts';

/** Where an image runs. OCI image-spec, image-index.md "platform". */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
  readonly variant?: string | undefined;
  readonly features?: readonly string[] | undefined;
}

export const platformFields: Decoder<Platform> = object({
  architecture: optional(string, ''),
  os: optional(string, ''),
  'os.version': optional(string),
  'os.features': optional(array(string)),
  variant: optional(string),
  features: optional(array(string)),
});

/** What crane assumes on every machine when a platform has to be chosen and none was named. crane-cli reference, section 7. */
export const defaultPlatform: Platform = { os: 'linux', architecture: 'amd64' };

/** Other spellings of architectures, as the kernel and other tools write them, with the variant they imply. */
const architectureAliases: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  i386: ['386'],
  i686: ['386'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
};

/**
 * Reads `os[/arch[/variant]][:osversion]`. Letter case and the usual other names of an architecture are normalised.
 *
 * @throws {OciError} `INVALID_PLATFORM`
 */
export function parsePlatform(text: string): Platform {
  const [name = '', version, ...rest] = text.trim().split(':');
  if (rest.length > 0) throw invalid(text, 'more than one colon');
  const parts = name.split('/');
  if (parts.length > 3) throw invalid(text, 'too many slashes');
  const [os = '', architecture = '', variant] = parts.map((part) => part.trim().toLowerCase());
  if (os === '' && (parts.length > 1 || version !== undefined)) throw invalid(text, 'the operating system is missing');
  if (parts.slice(1).some((part) => part.trim() === '')) throw invalid(text, 'a part between slashes is empty');
  const [known, implied] = (Object.hasOwn(architectureAliases, architecture) && architectureAliases[architecture]) || [
    architecture,
  ];
  const chosenVariant = variant ?? implied;
  return {
    architecture: known,
    os,
    ...(version === undefined || version === '' ? {} : { 'os.version': version }),
    ...(chosenVariant === undefined ? {} : { variant: chosenVariant }),
  };
}

/** The text form; empty when there is no operating system. */
export function formatPlatform(platform: Platform): string {
  if (platform.os === '') return '';
  const name = [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
  const version = platform['os.version'];
  return version === undefined || version === '' ? name : `${name}:${version}`;
}

/** Whether `actual` has everything that `wanted` names; what `wanted` leaves empty matches anything. */
export function satisfiesPlatform(actual: Platform, wanted: Platform): boolean {
  return (
    fits(actual.os, wanted.os) &&
    fits(actual.architecture, wanted.architecture) &&
    fits(actual.variant ?? impliedVariant(actual.architecture), wanted.variant) &&
    fits(actual['os.version'], wanted['os.version']) &&
    includesAll(actual['os.features'], wanted['os.features']) &&
    includesAll(actual.features, wanted.features)
  );
}

/** arm64 without a variant is v8: containerd and Docker write it either way. */
function impliedVariant(architecture: string): string | undefined {
  return architecture === 'arm64' ? 'v8' : undefined;
}

function fits(actual: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || wanted === '' || actual === wanted;
}

function includesAll(actual: readonly string[] = [], wanted: readonly string[] = []): boolean {
  return wanted.every((feature) => actual.includes(feature));
}

function invalid(text: string, reason: string): OciError {
  return new OciError('INVALID_PLATFORM', `Invalid platform ${quoted(text)}: ${reason}`, {
    hint: 'Write os/architecture, os/architecture/variant or os/architecture:osversion, for example linux/arm64 or linux/arm/v7',
  });
}
