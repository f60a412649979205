import { OciError } from '../../errors.ts';
import { parseRegistry } from '../../oci/reference.ts';
import { registries } from '../completing/completions.ts';
import { exactly } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool } from '../framework/flag.ts';
import type { Globals } from '../globals.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: 'REGISTRY',
  description:
    'List the repositories of a registry, one per line. Many registries do not support this, or allow it to administrators only.',
  arguments: exactly(1),
  complete: registries,
  flags: { 'full-ref': bool({ description: 'Print the full name of each repository' }) },
  async run({ args: [text = ''], flags, context: session }) {
    const registry = await step(`parsing reg ${JSON.stringify(text)}`, async () => {
      if (text !== '') return parseRegistry(text);
      throw new OciError('INVALID_REFERENCE', 'The name of the registry is empty: ""', {
        hint: 'Write host or host:port',
      });
    });
    await step(`reading the catalog of ${text}`, async () => {
      const { catalog } = await import('../../remote/catalog.ts');
      session.connections.asks(registry);
      for await (const page of catalog(registry, { transport: await session.transport(), signal: session.signal })) {
        await session.print(page.map((name) => `${flags['full-ref'] ? `${registry}/` : ''}${name}\n`).join(''));
      }
    });
  },
});
