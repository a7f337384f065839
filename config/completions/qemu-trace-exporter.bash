# shellcheck shell=bash
# Completion for bash, loaded by bash-completion by its name.

# Prints the command of the line, wherever it stands beside the word at the cursor; nothing if there is none.
_qemu_trace_exporter_command() {
  local i word before=
  for ((i = 1; i < ${#COMP_WORDS[@]}; i++)); do
    word=${COMP_WORDS[i]}
    # bash takes "--flag=value" for three words. Neither the value of a flag nor the word being typed is a command.
    if [[ $word == = ]]; then
      ((++i))
      before=
    elif [[ $word == -* ]]; then
      before=$word
      [[ $word != *=* ]] || before=
    elif [[ -n $before && " $1 " == *" $before "* ]]; then
      before=
    elif ((i != COMP_CWORD)); then
      printf '%s' "$word"
      return
    fi
  done
}

_qemu_trace_exporter() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command
  local commands='serve check replay backfill explain qemu-args bpftrace schema top help version'
  local with_value='--config.file --trace.path --state.path --web.listen-address --web.config.file --web.telemetry-path'
  with_value+=' --web.route-prefix --web.startup-timeout --log.level --log.format --step --format --svg --binary --pid'
  with_value+=' --address --user --password-file --ca-file --cert-file --key-file --iterations --interval --sort --vm'
  local flags='--config.file --trace.path --state.path --web.listen-address --web.config.file --web.systemd-socket
    --web.telemetry-path --web.route-prefix --web.startup-timeout --web.enable-lifecycle --log.level --log.format
    --version --help'
  command=$(_qemu_trace_exporter_command "$with_value")
  [[ -n $command && $command != backfill ]] || flags+=' --step'
  [[ -n $command && $command != replay ]] || flags+=' --strict'
  [[ -n $command && $command != check ]] || flags+=' --strict --format --lint'
  [[ -n $command && $command != explain ]] || flags+=' --summary --svg'
  [[ -n $command && $command != bpftrace ]] || flags+=' --binary --pid'
  [[ -n $command && $command != top ]] || flags+=' --address --user --password-file --ca-file --cert-file --key-file
    --batch --iterations --interval --sort --vm'
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $before in
    --log.level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word") ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word") ;;
    --log.format) mapfile -t COMPREPLY < <(compgen -W 'logfmt json' -- "$word") ;;
    --sort) mapfile -t COMPREPLY < <(compgen -W 'requests bytes latency events errors name' -- "$word") ;;
    --config.file | --web.config.file | --trace.path | --binary | --svg | --password-file | --ca-file | --cert-file | --key-file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    --state.path)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      ;;
    *)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
        return
      fi
      case $command in
        '' | help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
        check | replay | backfill | explain | top)
          compopt -o filenames 2>/dev/null
          mapfile -t COMPREPLY < <(compgen -f -- "$word")
          ;;
      esac
      ;;
  esac
}
complete -F _qemu_trace_exporter qemu-trace-exporter
