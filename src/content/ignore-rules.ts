import { OciError, quoted } from '../errors.ts';

/** Whether a path is left out. Paths are relative, `/` separated, without a final slash; a directory is asked for before what it holds. */
export interface IgnoreRules {
  ignores(path: string): boolean;
  /** Whether something below a directory that is left out may be taken again, so that it has to be looked through. */
  mayTakeBelow(path: string): boolean;
}

/**
 * The rules of a `.dockerignore` file: `*`, `?` and `[…]` within a name, `**` across names, `\` before a character that means
 * itself, `#` comments, `!` for exceptions. What a pattern fits is left out with everything below it, and the last pattern that
 * fits decides. Moby's patternmatcher is the model; globbing packages differ from it in `a/**` (which leaves `a` itself), `a**b`,
 * and braces (which mean nothing).
 *
 * @param lines of the file, or patterns from elsewhere
 * @throws {OciError} `INVALID_SETTINGS` for a pattern that is none
 */
export function ignoreRules(lines: Iterable<string>): IgnoreRules {
  const rules = Array.from(lines, ruleOf).filter((rule) => rule !== undefined);
  const takes = rules.some(({ exception }) => exception);
  return {
    ignores: (path) => decide(rules, path),
    mayTakeBelow: () => takes,
  };
}

interface Rule {
  readonly exception: boolean;
  readonly pattern: RegExp;
}

function decide(rules: readonly Rule[], path: string): boolean {
  const ways = withParents(path);
  let ignored = false;
  for (const { exception, pattern } of rules) {
    // Only a rule that would change something needs to be tried.
    if (exception === ignored && ways.some((way) => pattern.test(way))) ignored = !exception;
  }
  return ignored;
}

/** `a`, `a/b` and `a/b/c` of the last. */
function withParents(path: string): readonly string[] {
  const all: string[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) all.push(path.slice(0, at));
  return [...all, path];
}

function ruleOf(line: string, position: number): Rule | undefined {
  const text = position === 0 ? line.replace(/^\ufeff/, '') : line;
  if (text.startsWith('#')) return undefined;
  const trimmed = text.trim();
  const exception = trimmed.startsWith('!');
  const pattern = cleaned(exception ? trimmed.slice(1).trim() : trimmed);
  if (trimmed === '!') throw invalid(line, 'an exception needs a pattern');
  // The tree itself cannot be left out.
  return pattern === '' ? undefined : { exception, pattern: expressionOf(pattern, line) };
}

/** Without `.`, doubled slashes, leading and final ones; `..` takes a part back, and above the root nothing. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function expressionOf(pattern: string, line: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length;) {
    const rest = pattern.slice(at);
    const [token = ''] = /^(?:\*\*+\/?|\*|\?|\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])+\]|[\s\S])/u.exec(rest) ?? [];
    if (token === '[') throw invalid(line, 'a bracket is not closed, or lists nothing');
    source += translated(token, at + token.length === pattern.length);
    at += token.length;
  }
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    throw invalid(line, 'its brackets or backslashes are not in order');
  }
}

function translated(token: string, isLast: boolean): string {
  // At the end everything below fits; the directory itself does not.
  if (token.startsWith('**')) return isLast ? '.*' : '(?:.*/)?';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.length > 1 && token.startsWith('[')) return classOf(token.slice(1, -1));
  return literal(token.length > 1 && token.startsWith('\\') ? token.slice(1) : token);
}

function classOf(members: string): string {
  const negated = members.startsWith('^');
  const listed = negated ? members.slice(1) : members;
  const safe = listed.replaceAll(/\\([\s\S])|([[&~!#$%*+,.:;<=>?@^`|(){}/])/gu, (_, escaped?: string, plain?: string) =>
    classMember(escaped ?? plain ?? ''),
  );
  // A name ends at a slash whatever is listed.
  return `(?!/)[${negated ? '^' : ''}${safe}]`;
}

function classMember(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
}

function invalid(line: string, reason: string): OciError {
  return new OciError('INVALID_SETTINGS', `The pattern ${quoted(line)} cannot be read: ${reason}`);
}
