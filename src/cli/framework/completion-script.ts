import type { Shell } from './completion-command.ts';

/**
 * The completion script of a shell. It asks `PROGRAM __complete WORD…` (without descriptions `__completeNoDesc`) for
 * candidates. Nothing that the user has typed is evaluated by the shell while completing.
 */
export function completionScript(program: string, shell: Shell, described: boolean): string {
  const request = described ? '__complete' : '__completeNoDesc';
  return scripts[shell](program, program.replace(/[^A-Za-z0-9]/g, '_'), request);
}

const scripts: Readonly<Record<Shell, (program: string, identifier: string, request: string) => string>> = {
  bash: bashScript,
  fish: fishScript,
  powershell: powershellScript,
  zsh: zshScript,
};

function bashScript(program: string, identifier: string, request: string): string {
  return `# bash completion for ${program}

# Sets words to the command line up to the cursor. Bash cuts at "=", ":" and "@" too; these pieces are put together again.
_${identifier}_words() {
    local line=$COMP_LINE offset=0 previous='' i word glued typed
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        glued=yes
        while [[ $line == [[:space:]]* ]]; do
            line=\${line:1}
            offset=$((offset + 1))
            glued=
        done
        line=\${line:\${#word}}
        typed=$((COMP_POINT - offset))
        offset=$((offset + \${#word}))
        ((typed < 0)) && typed=0
        ((i == COMP_CWORD && typed < \${#word})) && word=\${word:0:typed}
        if [[ $glued && ( $word == [=:@]* || $previous == *[=:@] ) ]] && ((\${#words[@]} > 0)); then
            words[\${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        previous=$word
    done
    words=("\${words[@]//\\\\/}")
}

_${identifier}_complete() {
    local -a words values=() descriptions=()
    local entry directive=0 i value longest=0
    _${identifier}_words
    local program=\${words[0]} current=\${words[\${#words[@]} - 1]}
    command -v -- "$program" >/dev/null 2>&1 || program=${program}
    while IFS= read -r entry; do
        case $entry in
            :[0-9]*) directive=\${entry#:} ;;
            *)
                value=\${entry%%$'\\t'*}
                values+=("$value")
                descriptions+=("\${entry:\${#value}+1}")
                ((\${#value} > longest)) && longest=\${#value}
                ;;
        esac
    done < <("$program" ${request} "\${words[@]:1}" 2>/dev/null)

    # Bash replaces only what follows the last word break, so that is what it has to get.
    local flag='' cut='' breaks=\${COMP_WORDBREAKS//[^=:@]/}
    if [[ $current == -*=* ]]; then
        flag=\${current%%=*}=
        current=\${current#*=}
        [[ $breaks == *=* ]] && flag=
    fi
    [[ $breaks && $current == *[$breaks]* ]] && cut=\${current%"\${current##*[$breaks]}"} flag=

    COMPREPLY=()
    for ((i = 0; i < \${#values[@]}; i++)); do
        value=$flag\${values[i]#"$cut"}
        [[ $value == *[^A-Za-z0-9_.,:/@%+=-]* ]] && printf -v value '%q' "$value"
        # Descriptions only where bash prints a list: elsewhere they would end up in the command line.
        if ((\${#values[@]} > 1)) && [[ \${descriptions[i]} && ( $COMP_TYPE == 9 || $COMP_TYPE == 63 ) ]]; then
            printf -v value "%-\${longest}s  (%s)" "$value" "\${descriptions[i]}"
            value=\${value:0:\${COLUMNS:-80} - 2}
        fi
        COMPREPLY+=("$value")
    done
    type compopt >/dev/null 2>&1 || return 0
    ((directive & 4)) && compopt +o default 2>/dev/null
    ((directive & 2)) && compopt -o nospace 2>/dev/null
    return 0
}

complete -o default -F _${identifier}_complete ${program}
`;
}

function zshScript(program: string, identifier: string, request: string): string {
  return `#compdef ${program}
# zsh completion for ${program}

_${identifier}() {
    local -a open closed
    local entry value shown directive=0 called=\${(Q)words[1]} current=\${(Q)PREFIX}
    (( $+commands[$called] )) || [[ -x $called ]] || called=${program}
    while IFS= read -r entry; do
        if [[ $entry == :<-> ]]; then
            directive=\${entry#:}
            continue
        fi
        value=\${entry%%$'\\t'*}
        shown=\${value//:/\\\\:}
        [[ $entry == *$'\\t'* ]] && shown+=:\${entry#*$'\\t'}
        # No space behind what goes on, as a directory does.
        if [[ $value == *[/:] ]]; then open+=("$shown"); else closed+=("$shown"); fi
    done < <("$called" ${request} "\${(@Q)words[2,CURRENT-1]}" "$current" 2>/dev/null)

    [[ $current == -*=* ]] && compset -P '*='
    if (( directive & 2 )); then
        open+=("\${closed[@]}")
        closed=()
    fi
    if (( $#open + $#closed )); then
        (( $#closed )) && _describe -t values '${program}' closed
        (( $#open )) && _describe -t values '${program}' open -S ''
        return 0
    elif (( ! (directive & 4) )); then
        _files
    fi
}

# As a file in fpath this is the body of the function; sourced, it has to be made known.
if [[ \${funcstack[1]} == _${identifier} ]]; then
    _${identifier} "$@"
else
    compdef _${identifier} ${program}
fi
`;
}

function fishScript(program: string, identifier: string, request: string): string {
  return `# fish completion for ${program}

function __${identifier}_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l called $words[1]
    set -e words[1]
    type -q -- $called; or set called ${program}
    set -l lines ($called ${request} $words "$current" 2>/dev/null)
    set -l directive $lines[-1]
    set -e lines[-1]
    set -l flag (string match -r -- '^-[^=]*=' "$current")
    for line in $lines
        printf '%s\\n' "$flag$line"
    end
    # A space follows the only candidate unless there is a longer one.
    if test (count $lines) -eq 1; and contains -- "$directive" :2 :6
        printf '%s.\\n' (string split -m 1 \\t -- "$flag$lines")[1]
    end
    if test (count $lines) -eq 0; and test "$directive" = :0
        __fish_complete_path (string replace -- "$flag" '' "$current")
    end
end

complete -c ${program} -e
complete -c ${program} -f -a '(__${identifier}_complete)'
`;
}

function powershellScript(program: string, _identifier: string, request: string): string {
  return `# PowerShell completion for ${program}

Register-ArgumentCompleter -Native -CommandName '${program}' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $words = @()
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        $words += $element.Extent.Text
    }
    $called = if ($words.Count -gt 0) { $words[0] } else { '${program}' }
    $arguments = @($words | Select-Object -Skip 1)

    # Older versions lose an empty argument on the way to a program.
    $current = $wordToComplete
    $legacy = $PSVersionTable.PSVersion -lt [version]'7.3' -or $PSNativeCommandArgumentPassing -eq 'Legacy'
    if ($current -eq '' -and $legacy) { $current = '""' }

    $flag = ''
    if ($wordToComplete -match '^(-[^=]*=)') { $flag = $Matches[1] }

    $lines = @(& $called ${request} @arguments $current 2>$null)
    foreach ($line in $lines) {
        if ($line -match '^:\\d+$') { continue }
        $value, $description = $line -split "\`t", 2
        if (-not $description) { $description = $value }
        $text = "$flag$value"
        if ($text -match '[^\\w./:%+=-]') { $text = "'" + $text.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $description)
    }
}
`;
}
