import { none } from './arguments.ts';
import { type Command, defineCommand, type Outputs } from './command.ts';
import { bool } from './flag.ts';

export type Shell = 'bash' | 'fish' | 'powershell' | 'zsh';

/** `completion SHELL`: prints the script that the shell reads. */
export function completionCommand<C extends Outputs, G>(program: string, shell: Shell): Command<C, G> {
  return defineCommand({
    description: `Print the script that teaches ${shell} to complete the command lines of ${program}.\n\n${setup[shell](program)}`,
    arguments: none,
    hooks: false,
    flags: { 'no-descriptions': bool({ description: 'Offer names without their descriptions' }) },
    async run({ context, flags }) {
      const { completionScript } = await import('./completion-script.ts');
      await context.stdout.write(completionScript(program, shell, !flags['no-descriptions']));
    },
  });
}

const setup: Readonly<Record<Shell, (program: string) => string>> = {
  bash: (program) =>
    `For this session:\n\n    source <(${program} completion bash)\n\nFor every new one, with the package bash-completion:\n\n    ${program} completion bash > ~/.local/share/bash-completion/completions/${program}`,
  fish: (program) =>
    `For this session:\n\n    ${program} completion fish | source\n\nFor every new one:\n\n    ${program} completion fish > ~/.config/fish/completions/${program}.fish`,
  powershell: (program) =>
    `For this session:\n\n    ${program} completion powershell | Out-String | Invoke-Expression\n\nFor every new one, add that line to the file that $PROFILE names.`,
  zsh: (program) =>
    `For this session, when compinit has run:\n\n    source <(${program} completion zsh)\n\nFor every new one:\n\n    ${program} completion zsh > "\${fpath[1]}/_${program}"`,
};
