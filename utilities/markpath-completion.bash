# SPDX-License-Identifier: Apache-2.0
#
# Completion in bash for the commands of ovs-appctl that Markpath adds to those
# of Open vSwitch.  Installed where the package bash-completion looks for it;
# otherwise:  . markpath-completion.bash
#
# Ports and UFIDs are asked from the running daemon.  If Open vSwitch's own
# completion for ovs-appctl has been loaded before, it is asked for all other
# commands.

_markpath_commands="offload/show offload/rules offload/why ct/show"
_markpath_commands="$_markpath_commands merge/show merge/dump-flows"
_markpath_commands="$_markpath_commands ofproto/detrace dpif/show-drops"
_markpath_commands="$_markpath_commands dpif/top-flows ofproto/trace-live"

# Prints the ports of the offload engine.
_markpath_ports () {
    "$1" offload/show --format json 2>/dev/null \
        | sed -n 's/^ *"name": "\(.*\)",*$/\1/p'
}

# Prints what flows and rules are called.
_markpath_ufids () {
    "$1" dpctl/dump-flows -m 2>/dev/null \
        | sed -n 's/^\(ufid:[-0-9a-f]*\),.*/\1/p'
    "$1" offload/rules 2>/dev/null \
        | sed -n 's/^\(mega:[-0-9a-f]*\),.*/\1/p'
}

# Prints the zones that have connections.
_markpath_zones () {
    "$1" ct/show --format json 2>/dev/null \
        | sed -n 's/^ *"zone": \([0-9]*\).*/zone=\1/p'
}

# Prints what may come next: after 'command' and the words 'given' before.
_markpath_words () {
    local appctl=$1 command=$2 last=$3 operands=$4 formatted=$5

    case $command in
    offload/* | ct/* | merge/show | dpif/show-drops | dpif/top-flows | \
    ofproto/trace-live)
        if [ "$last" = --format ]; then
            echo json text
            return
        fi
        [ "$formatted" = yes ] || echo --format
        [ "$command" != dpif/show-drops ] || echo --pmd
        [ "$command" != ofproto/trace-live ] || echo --count --timeout
        ;;
    esac
    [ "$operands" = 0 ] || return
    case $command in
    offload/rules | offload/show | dpif/show-drops)
        _markpath_ports "$appctl" ;;
    ct/show) _markpath_zones "$appctl" ;;
    dpif/top-flows) echo bytes packets ;;
    merge/dump-flows) echo -m ;;
    offload/why) echo all; _markpath_ufids "$appctl" ;;
    ofproto/detrace) _markpath_ufids "$appctl" ;;
    ofproto/trace-live) ovs-vsctl --timeout=2 list-br 2>/dev/null ;;
    esac
}

_markpath_appctl () {
    local appctl=${1:-ovs-appctl} command= last= operands=0 formatted=no
    local current i word words

    COMPREPLY=()
    # Colons separate words for bash, but not for us.
    words=("${COMP_WORDS[@]:0:COMP_CWORD+1}")
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : -w words 2>/dev/null
    fi
    current=${words[${#words[@]} - 1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [ -z "$command" ]; then
            case $word in
            -t | --target | -T | --timeout) i=$((i + 1)) ;;
            -*) ;;
            *) command=$word ;;
            esac
        elif [ "$last" = --format ]; then
            formatted=yes
        elif [ "$word" != --format ] && [ "$word" != --pmd ]; then
            operands=$((operands + 1))
        fi
        last=$word
    done

    if [ -z "$command" ]; then
        words=$_markpath_commands
    else
        words=$(_markpath_words "$appctl" "$command" "$last" "$operands" \
                                "$formatted")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$current"
    fi

    # What is not ours is Open vSwitch's.
    case $command in
    offload/* | ofproto/detrace | ofproto/trace-live) ;;
    *)
        if [ -n "$_markpath_next" ]; then
            local ours=("${COMPREPLY[@]}")
            "$_markpath_next" "$@"
            COMPREPLY=("${ours[@]}" "${COMPREPLY[@]}")
        fi
        ;;
    esac
}

# Remembers who has completed for ovs-appctl so far.
_markpath_next=$(complete -p ovs-appctl 2>/dev/null \
                 | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
[ "$_markpath_next" != _markpath_appctl ] || _markpath_next=
complete -F _markpath_appctl ovs-appctl

# The tools that "markpath help" lists.
_markpath_tools () {
    local words=
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        words="help $("$1" help 2>/dev/null | sed -n 's/^  \([^ ]*\) .*/\1/p')"
    elif [ "${COMP_WORDS[1]}" = top ]; then
        case ${COMP_WORDS[COMP_CWORD - 1]} in
        -d | --delay | -t | --target) ;;
        *) words="--delay --help --json --no-color --once --target" ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _markpath_tools markpath
