# Why it prints nothing: seen only where ICAPDIAG_WHY is set.
silent() { printf 'silent: %s\n' "$1" >&2; }

# Open a connection: requests go to descriptor 3, answers come from 4.
connect() {
  if ((${#tls[@]})); then
    if [[ -n $authorities ]]; then
      coproc shell {
        exec openssl s_client -quiet -verify_quiet -connect "$where" "${tls[@]}" -no-CApath -CAfile <(printf '%b' "$authorities")
      }
    else
      coproc shell { exec openssl s_client -quiet -verify_quiet -connect "$where" "${tls[@]}"; }
    fi
    exec 3>&"${shell[1]}" 4<&"${shell[0]}"
  else
    exec 3<>"/dev/tcp/$address/$port" || return 1
    exec 4<&3
  fi
}

# Send $1, in which \r, \n and \0NNN stand for bytes. A program sends it in one packet, bash itself line by line.
send() {
  local program
  program=$(type -P printf)
  if [[ -n $program ]]; then
    "$program" '%b' "$1" >&3
  else
    printf '%b' "$1" >&3
  fi
}

# The next line of the answer, without its end; $size grows by its bytes.
read_line() {
  IFS= read -r -n 8192 -u 4 text || return 1
  size=$((size + ${#text} + 1))
  text=${text%$'\r'}
}

# What words of the server ($1) mean by a table, of which an expression and what it stands for are given in turn.
meaning() {
  local words=$1
  shift
  while (($#)); do
    if [[ $words =~ $1 ]]; then
      result=$2
      return 0
    fi
    shift 2
  done
  return 1
}

# Note what one header field says about the content.
note() {
  local name=${1%%:*} value=${1#*:} result=''
  value=${value#"${value%%[![:space:]]*}"}
  value=${value%"${value##*[![:space:]]}"}
  if [[ $name == Encapsulated ]]; then
    parts=$value
  elif [[ $name =~ ^($named_by)$ ]]; then
    if [[ $name == X-Infection-Found && $value =~ type[[:space:]]*=[[:space:]]*2 ]]; then
      result=unscannable # a container that could not be looked into
    else
      if [[ $name == X-Infection-Found && $value =~ threat[[:space:]]*=[[:space:]]*([^\;]*) ]]; then
        value=${BASH_REMATCH[1]}
      fi
      [[ $value =~ $no_threat ]] || meaning "$value" "${no_detections[@]}" || result=blocked
    fi
  elif [[ $name =~ ^($present_by)$ ]]; then
    [[ $value =~ $no_threat ]] || result=blocked
  elif [[ $name == X-Violations-Found ]]; then # their number, and then what they are
    [[ $value =~ ^0*([[:space:]]|$) ]] || result=blocked
  elif [[ $name =~ ^($refused_by)$ ]]; then
    [[ $value =~ ^(-|none|no|false|0|)$ ]] || meaning "$value" "${reasons[@]}" || result=blocked
  elif [[ $name =~ ^($rated_by)$ ]]; then
    [[ $value =~ $no_threat ]] || meaning "$value" "${reasons[@]}" || result=blocked
  elif [[ $name =~ ^($described_by)$ ]]; then
    meaning "$value" "${reasons[@]}"
  elif [[ $name == X-Response-Info ]]; then
    meaning "$value" "${actions[@]}"
  elif [[ $name == X-ICAPeg-Shadow-Service && $value == true ]]; then
    failed='it only looks on and blocks nothing'
  fi
  case $result in
    blocked) found=${found:-$value} ;;
    unscannable | error) failed=${failed:-$value} ;;
  esac
}

# Read the head of an answer: status, parts (what is encapsulated), found and failed (what it says), complete.
read_head() {
  local field='' lines=0
  status='' parts='' found='' failed='' complete=''
  read_line || return 1
  [[ $text =~ ^ICAP/1\.[0-9]+[[:space:]]+([0-9][0-9][0-9])([[:space:]]|$) ]] || return 1
  status=${BASH_REMATCH[1]}
  while ((lines++ < 200)) && read_line; do
    if [[ $text == [[:space:]]* ]]; then # goes on with the field before
      field+=' '${text#"${text%%[![:space:]]*}"}
      continue
    fi
    [[ -z $field ]] || note "$field"
    field=$text
    if [[ -z $text ]]; then
      complete=yes
      return 0
    fi
  done
  return 1
}

# Read the HTTP heads that are encapsulated: page is the status of a response. They must be as long as announced.
read_parts() {
  local list=$parts started
  page='' size=0
  while [[ $list =~ ^[[:space:]]*(req|res)-hdr=[0-9]+[[:space:]]*,(.*) ]]; do
    list=${BASH_REMATCH[2]} started=''
    while read_line && [[ -n $text ]]; do
      if [[ -z $started && $text =~ ^HTTP/[0-9.]+[[:space:]]+([0-9][0-9][0-9]) ]]; then
        page=${BASH_REMATCH[1]}
      fi
      started=yes
    done
    [[ -n $started && -z $text ]] || return 1
  done
  [[ $list =~ ^[[:space:]]*(null|req|res)-body=([0-9]+)$ && $size == "${BASH_REMATCH[2]}" ]] || return 1
  kind=${BASH_REMATCH[1]}
}

# Read a body in chunks. Only its beginning matters: a longer one is neither the upload nor a part of it.
read_body() {
  local left part
  body=''
  [[ $kind != null ]] || return 0
  while read_line && [[ $text =~ ^([0-9A-F]{1,5})[[:space:]]*(\;.*)?$ ]]; do
    left=$((16#${BASH_REMATCH[1]}))
    if ((left == 0)); then
      while read_line; do # perhaps trailers
        [[ -n $text ]] || return 0
      done
      return 1
    fi
    ((${#body} + left <= 65536)) || return 1
    while ((left > 0)); do
      IFS= read -r -d '' -n "$left" -u 4 part || return 1
      body+=$part
      left=$((left - ${#part}))
      ((left == 0)) || left=$((left - 1)) # a byte 0, which bash does not keep
    done
    read_line && [[ -z $text ]] || return 1
  done
  return 1
}

# Send a request ($2), and the rest of its body ($3) when the server asks for it; $1 is its name. Reads the head of the answer.
ask() {
  if ! connect; then
    silent "$1: no connection to $where"
    return 1
  fi
  send "$2"
  while read_head && [[ $status == 100 ]]; do
    [[ -z $3 ]] || send "$3"
  done
  if [[ -z $status ]]; then
    silent "$1: no ICAP answer"
    return 1
  fi
  if [[ $status != 20[04] ]]; then
    silent "$1: ICAP $status"
    return 1
  fi
  if [[ -z $complete ]]; then
    silent "$1: ICAP $status, and then the answer breaks off"
    return 1
  fi
}

# OPTIONS must be answered with 200.
asks_options() {
  ask OPTIONS "$@" || return 1
  if [[ $status != 200 ]]; then
    silent "OPTIONS: ICAP $status"
    return 1
  fi
}

# A harmless upload must come back unchanged.
passes_clean() {
  ask 'harmless upload' "$@" || return 1
  if [[ -n $found$failed ]]; then
    silent "harmless upload: the server says: $found$failed"
    return 1
  fi
  [[ $status != 204 ]] || return 0
  if ! read_parts || ! read_body; then
    silent 'harmless upload: the answer is malformed or breaks off'
    return 1
  fi
  if [[ -n $page ]]; then
    silent "harmless upload: blocked with HTTP $page"
    return 1
  fi
  if [[ $parts != null-body=0 && $body != "$clean" ]]; then
    silent 'harmless upload: other content came back'
    return 1
  fi
}

# EICAR must be blocked, or taken out of what comes back. A scanner that could not scan it has not detected it.
stops_eicar() {
  local name=$1
  shift
  ask "$name" "$@" || return 1
  if [[ -n $failed && -z $found ]]; then
    silent "$name: not scanned: $failed"
    return 1
  fi
  if [[ $status == 204 ]]; then
    silent "$name: passed"
    return 1
  fi
  if ! read_parts; then
    silent "$name: the answer is malformed or breaks off"
    return 1
  fi
  if [[ -n $page ]]; then
    [[ $page != 5* || -n $found ]] && return 0
    silent "$name: HTTP $page instead of a block page"
    return 1
  fi
  if [[ $kind == null ]]; then
    [[ -n $found ]] && return 0
    silent "$name: passed"
    return 1
  fi
  if ! read_body; then
    silent "$name: the answer is malformed or breaks off"
    return 1
  fi
  if [[ $body == *"$virus"* ]]; then
    silent "$name: passed"
    return 1
  fi
}

# One check, in a group of processes that ends as a whole at the latest after $1 ms.
within() {
  local check watch scans limit
  printf -v limit '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  scan </dev/null >/dev/null &
  check=$!
  (
    IFS= read -r -t "$limit" <> <(:)
    (($? > 128)) || sleep "$limit" # no such wait here
    silent "no result within $limit s"
    kill -9 -- "-$check" || kill -9 "$check" # the latter where it could not be made a group
  ) </dev/null >/dev/null &
  watch=$!
  wait "$check" 2>/dev/null
  scans=$?
  kill -9 -- "-$watch" "-$check" 2>/dev/null
  return "$scans"
}
