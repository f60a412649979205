import type { Sample } from '../conformance/samples.ts';
import type { ScriptedAnswer, ScriptedRequest } from './scripted-server.ts';

/**
 * Answers reads as a registry does that holds just this content, whatever the repository.
 *
 * @param tags what each tag names
 */
export function contentScript(
  samples: readonly Sample[],
  tags: Readonly<Record<string, Sample>> = {},
): (request: ScriptedRequest) => ScriptedAnswer | undefined {
  const all = [...samples, ...Object.values(tags)];
  return ({ method, url: { pathname } }) => {
    if (pathname === '/v2/') return { status: 200 };
    const [, kind, name = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
    const found = tags[name] ?? all.find(({ target }) => target.digest === name);
    if (found === undefined || !['GET', 'HEAD'].includes(method)) return undefined;
    return {
      status: 200,
      headers: {
        'content-type': kind === 'manifests' ? found.target.mediaType : 'application/octet-stream',
        'docker-content-digest': found.target.digest,
      },
      body: found.bytes,
    };
  };
}
