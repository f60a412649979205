import { OciError, quoted } from '../../errors.ts';
import { encodeJson } from '../../oci/json.ts';
import { dockerHub, parseRepository, type Repository } from '../../oci/reference.ts';
import { authorizationFor } from '../../remote/authorization.ts';
import { repositories } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, strings } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import { parseRepositoryArgument } from '../open.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REPO',
  description:
    'Ask the token server of a registry for a token and print it as JSON, or with --header as a request header. For a registry that takes user name and password instead of tokens, only --header works.',
  examples: 'curl -H "$(crane auth token -H alpine)" https://index.docker.io/v2/library/alpine/tags/list',
  arguments: exactly(1),
  complete: repositories,
  flags: {
    header: bool({
      shorthand: 'H',
      description: 'Print a request header, as curl -H takes it, without a final newline',
    }),
    mount: strings({
      shorthand: 'm',
      complete: repositories,
      description: 'Other repositories of the registry that the token should allow to mount blobs from',
    }),
    push: bool({ description: 'Ask for a token that also allows to push' }),
  },
  async run({ args: [name = ''], flags, context: session }) {
    const repository = await step(`parsing repo ${JSON.stringify(name)}`, async () => parseRepositoryArgument(name));
    const mounts = flags.mount.map((mount) => mountName(mount, repository));
    session.connections.asks(repository.registry);
    const transport = await session.transport();
    const options = { transport, access: flags.push ? 'push' : 'pull', mounts, signal: session.signal } as const;
    const found = await step(`getting a token for ${name}`, () => authorizationFor(repository, options));
    if (found.scheme === 'bearer') {
      if (flags.header) return session.print(`Authorization: Bearer ${found.token}`);
      const { token, accessToken, refreshToken, expiresIn } = found;
      const shown = { access_token: accessToken, refresh_token: refreshToken ?? '', expires_in: expiresIn ?? 0 };
      return session.print(`${encodeJson({ token, ...shown })}\n`);
    }
    if (found.scheme === 'basic' && flags.header) return session.print(`Authorization: ${found.header}`);
    throw new OciError(
      'UNSUPPORTED',
      `challenge scheme "${found.scheme === 'none' ? '' : found.scheme}" is not bearer`,
      {
        hint:
          found.scheme === 'none'
            ? `${repository.registry} asks for no credentials`
            : 'It takes user and password with each request; -H prints them',
      },
    );
  },
});

/** A repository of the same registry, by its full name or by its path alone. */
function mountName(text: string, { registry }: Repository): string {
  const mount = parseRepository(text);
  if (mount.registry === registry) return mount.repository;
  if (mount.registry === dockerHub) return text;
  throw new OciError('INVALID_REFERENCE', `Blobs cannot be mounted from ${quoted(text)}: it is in another registry`, {
    hint: `Name a repository of ${registry}`,
  });
}
