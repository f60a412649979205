import type { CompletionRequest, Offers } from '../framework/flag.ts';
import { commonPlatforms } from '../platform-flag.ts';
import type { Session } from '../session.ts';
import type { Wanted } from './candidates.ts';

type Request = CompletionRequest<Session>;

/** Images: in a registry with their tags, or local ones behind their prefix. */
export async function images(request: Request): Promise<Offers> {
  return offer(request, { registry: 'images', local: 'images' });
}

/** Repositories of a registry. */
export async function repositories(request: Request): Promise<Offers> {
  return offer(request, { registry: 'repositories', local: 'none' });
}

/** What tags can be listed of: a repository, a layout, an archive. */
export async function tagged(request: Request): Promise<Offers> {
  return offer(request, { registry: 'repositories', local: 'places' });
}

/** Registries that somebody has logged in to. */
export async function registries(request: Request): Promise<Offers> {
  return offer(request, { registry: 'hosts', local: 'none' });
}

/** Files and directories, or local images behind their prefix. */
export async function paths(request: Request): Promise<Offers> {
  const { hasLocalPrefix } = await import('../location.ts');
  return hasLocalPrefix(request.word) ? images(request) : undefined;
}

/** Images, and files where no image begins so. */
export async function imagesOrFiles(request: Request): Promise<Offers> {
  const { word } = request;
  if (word === '') return undefined;
  const offers = await images(request);
  const fits = offers?.some((offer) => (typeof offer === 'string' ? offer : offer.value).startsWith(word));
  return fits === true ? offers : undefined;
}

/** `SOURCE DESTINATION`, of which the second is the name of a file. */
export async function imageThenFile(request: Request): Promise<Offers> {
  return request.args.length === 0 ? images(request) : undefined;
}

/** `IMAGE... PATH`: behind the first either may come. */
export async function imagesThenFile(request: Request): Promise<Offers> {
  return request.args.length === 0 ? images(request) : imagesOrFiles(request);
}

/** `PATH IMAGE` */
export async function pathThenImage(request: Request): Promise<Offers> {
  return request.args.length === 0 ? paths(request) : images(request);
}

/** `INDEX PLATFORM...` */
export async function imageThenPlatforms(request: Request): Promise<Offers> {
  return request.args.length === 0 ? images(request) : commonPlatforms;
}

/** `IMAGE TAG`: the tags that the repository of the image has. */
export async function imageThenTag(request: Request): Promise<Offers> {
  const [image] = request.args;
  if (image === undefined) return images(request);
  const { tagCandidates } = await import('./candidates.ts');
  return tagCandidates(request, image);
}

async function offer(request: Request, wanted: Wanted): Promise<Offers> {
  const { candidatesFor } = await import('./candidates.ts');
  return candidatesFor(request, wanted);
}
