# shellcheck shell=bash
# Completion for bash, loaded by bash-completion by its name.

_qemu_trace_exporter() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local flags='--config.file --trace.path --state.path --web.listen-address --web.config.file --web.systemd-socket
    --web.telemetry-path --web.route-prefix
    --web.startup-timeout --web.enable-lifecycle --log.level --log.format --step --strict --binary --pid --version --help'
  # bash takes "--flag=value" for three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  COMPREPLY=()
  case $before in
    --log.level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word") ;;
    --log.format) mapfile -t COMPREPLY < <(compgen -W 'logfmt json' -- "$word") ;;
    --config.file | --web.config.file | --trace.path | --binary)
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
      elif [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'serve check replay backfill explain qemu-args bpftrace' -- "$word")
      elif [[ ${COMP_WORDS[1]} == replay || ${COMP_WORDS[1]} == backfill ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi
      ;;
  esac
}
complete -F _qemu_trace_exporter qemu-trace-exporter
