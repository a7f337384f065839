#compdef qemu-trace-exporter
# Completion for zsh. Flags may stand before and after the command, so the command is looked for in the whole line.

_qemu_trace_exporter() {
  local -a commands flags
  commands=(
    'serve:Follow trace logs and serve metrics (the default)'
    'check:Check the config and summarize it'
    'replay:Read recorded traces and print their metrics'
    'backfill:Print the metrics of recorded traces over time'
    'explain:Show how a line is read and which series it changes'
    'qemu-args:Print the QEMU options that enable events'
    'bpftrace:Print a bpftrace script for a QEMU without a log'
    'schema:Print the JSON Schema of the config'
    'top:Show VMs and disks by rate and latency'
    'help:Print the help of a command'
    'version:Print the version'
  )
  local command= word i
  for ((i = 2; i <= $#words; i++)); do
    if ((i != CURRENT)) && (($commands[(I)$words[i]:*])); then
      command=$words[i]
      break
    fi
  done
  flags=(
    '*--config.file=[Config file or directory; repeatable]:file:_files'
    '*--trace.path=[Trace log, glob, FIFO, or -; repeatable]:file:_files'
    '--state.path=[Directory for checkpoints]:directory:_files -/'
    '*--web.listen-address=[HOST\:PORT, \[IPV6\]\:PORT or unix\:/PATH; repeatable]:address:'
    '--web.config.file=[TLS, users, headers and a rate limit]:file:_files'
    '--web.systemd-socket[Listen on the sockets that systemd passes]'
    '--web.telemetry-path=[Path of the metrics]:path:'
    '--web.route-prefix=[Prefix of all HTTP paths]:path:'
    '--web.startup-timeout=[Longest time to answer 503 at the start]:duration:'
    '--web.enable-lifecycle[Allow POST /-/reload and PUT /-/log-level]'
    '--log.level=[Lowest level of messages to log]:level:(debug info warn error)'
    '--log.format=[Format of log messages]:format:(logfmt json)'
    '--version[Print the version]'
    '(-h --help)'{-h,--help}'[Print help]'
  )
  [[ -n $command && $command != backfill ]] || flags+=('--step=[Time between two samples]:duration:')
  [[ -n $command && $command != (check|replay) ]] || flags+=('--strict[Exit with 1 on warnings or unread lines]')
  [[ -n $command && $command != check ]] || flags+=(
    '--format=[Output format]:format:(text json)'
    '--lint[Also warn of names, units, pointers and cardinality]'
  )
  [[ -n $command && $command != explain ]] || flags+=(
    '--summary[Explain whole trace logs]'
    '--svg=[Draw rates and latencies]:file:_files'
  )
  [[ -n $command && $command != bpftrace ]] || flags+=(
    '--binary=[Binary of QEMU]:file:_files'
    '--pid=[Process ID of a running QEMU]:pid:_pids'
  )
  [[ -n $command && $command != top ]] || flags+=(
    '--address=[Address of the daemon]:address:'
    '--user=[Name for a daemon that asks for a password]:user:'
    '--password-file=[File with the password]:file:_files'
    '--ca-file=[Authorities of the certificate]:file:_files'
    '--cert-file=[Certificate of the client]:file:_files'
    '--key-file=[Key of the certificate]:file:_files'
    '--batch[Print plain text]'
    '--iterations=[End after so many updates]:number:'
    '--interval=[Time between two updates]:duration:'
    '--sort=[What comes first]:key:(requests bytes latency events errors name)'
    '--vm=[Show one VM alone]:vm:'
  )
  case $command in
    '') _arguments -S $flags '1:command:{_describe command commands}' '*: :' ;;
    help) _arguments -S $flags '1: :' '2:command:{_describe command commands}' ;;
    check | replay | backfill | explain | top) _arguments -S $flags '1: :' '*:file:_files' ;;
    *) _arguments -S $flags '*: :' ;;
  esac
}

_qemu_trace_exporter "$@"
