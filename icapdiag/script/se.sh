# One line of the output. Each says which run, frame and line it is, so that a damaged paste can be put together again.
icapdiag_line() { printf '~%s.%s.%s:%s~\n' "$icapdiag_run" "$icapdiag_frame" "$1" "$2"; }

# A frame: what it is about ($1), how its data is written (b: base64, x: hexadecimal), the data. Its length and, where
# there is cksum, a checksum go with it.
icapdiag_coded() {
  local head="$1;code=$2;len=${#3}" data=$3 line=0 sum
  if type -P cksum >/dev/null; then
    sum=$(printf '%s' "$head$data" | cksum)
    head="$head;sum=${sum%% *}"
  fi
  icapdiag_line 0 "$head"
  while [[ -n $data ]]; do
    line=$((line + 1))
    icapdiag_line "$line" "${data:0:56}"
    data=${data:56}
  done
  icapdiag_frame=$((icapdiag_frame + 1))
}

# The same, of hexadecimal digits.
icapdiag_print() {
  local data=$2 bytes='' part lines
  if [[ -z $data ]] || ! type -P base64 >/dev/null; then
    icapdiag_coded "$1" x "$data"
    return
  fi
  while [[ -n $data ]]; do
    bytes+="\\x${data:0:2}"
    data=${data:2}
  done
  lines=$(printf '%b' "$bytes" | base64)
  for part in $lines; do
    data+=$part
  done
  icapdiag_coded "$1" b "$data"
}

# The time in ms since 1970; in whole seconds where there is neither bash 5 nor GNU date.
icapdiag_now() {
  local now=${EPOCHREALTIME:-}
  if [[ -n $now ]]; then
    now=${now//[.,]/}
    icapdiag_time=${now:0:${#now}-3}
    return
  fi
  now=$(date +%s%N)
  if [[ $now == *[^0-9]* ]]; then
    now=$(date +%s)000000000
  fi
  icapdiag_time=${now:0:${#now}-6}
}

# Wait for $1 ms, without any other program, then end the process $2.
icapdiag_watch() {
  (
    printf -v pause '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
    IFS= read -r -t "$pause" pause <> <(:)
    kill -9 "$2"
  ) </dev/null >/dev/null 2>&1 &
  icapdiag_dog=$!
}

# Send $2, in which \r, \n and \0NNN stand for bytes, to descriptor $1. A program sends it in one packet, bash itself
# line by line.
icapdiag_send() {
  local program
  program=$(type -P printf)
  if [[ -n $program ]]; then
    "$program" '%b' "$2" >&"$1"
  else
    printf '%b' "$2" >&"$1"
  fi
}

# Read an answer from descriptor $1 for at most $2 ms. $4 is sent to descriptor $3 once the server asks for the rest.
icapdiag_receive() {
  local from=$1 to=$3 rest=$4 text='' byte code digits part=head left pause due ended status
  icapdiag_now
  due=$((icapdiag_time + $2)) ended=$((SECONDS + ($2 + 1999) / 1000))
  icapdiag_begun=$icapdiag_time icapdiag_first='' icapdiag_end=timeout icapdiag_hex='' icapdiag_status=''
  while ((${#icapdiag_hex} < 2 * icapdiag_most)); do
    if [[ -n ${EPOCHREALTIME:-} ]]; then
      icapdiag_now
      left=$((due - icapdiag_time))
    else
      left=$(((ended - SECONDS) * 1000)) # asking for the time takes a process
    fi
    ((left > 0)) || break
    printf -v pause '%d.%03d' $((left / 1000)) $((left % 1000))
    byte=''
    IFS= read -r -u "$from" -d '' -n 1 -t "$pause" byte
    status=$?
    ((status <= 128)) || break
    if ((status)); then
      icapdiag_end=eof
      break
    fi
    if [[ -z $icapdiag_first ]]; then
      icapdiag_now
      icapdiag_first=$((icapdiag_time - icapdiag_begun))
    fi
    printf -v code '%d' "'$byte"
    printf -v digits '%02x' $((code & 255))
    icapdiag_hex+=$digits
    text+=$byte
    [[ $byte == $'\n' && $part != end ]] || continue
    if [[ $part == head && -z $icapdiag_status && $text =~ ICAP/[0-9.]+[[:space:]]+([0-9][0-9][0-9]) ]]; then
      icapdiag_status=${BASH_REMATCH[1]}
      if [[ $icapdiag_status == [45]* ]]; then # the head of a refusal may never end
        icapdiag_soon
      fi
    fi
    if [[ $part == head && ($text == *$'\r\n\r\n' || $text == *$'\n\n') ]]; then
      if [[ $icapdiag_status == 100 ]]; then
        [[ -z $rest ]] || icapdiag_send "$to" "$rest"
        text='' rest='' icapdiag_status=''
      elif [[ $text == *encapsulated:*-body=* && $text != *null-body=* ]]; then
        part=body
      else
        part=end
        icapdiag_soon
      fi
    elif [[ $part == body && ($text == *$'\n0\r\n\r\n' || $text == *$'\n0;'*$'\r\n\r\n') ]]; then
      part=end
      icapdiag_soon
    fi
  done
  if ((${#icapdiag_hex} >= 2 * icapdiag_most)); then
    icapdiag_end=limit
  elif [[ $part == end && $icapdiag_end == timeout ]]; then
    icapdiag_end=open # it is complete, and the server does not close
  fi
}

# Not for long any more: used inside icapdiag_receive.
icapdiag_soon() {
  icapdiag_now
  if ((due > icapdiag_time + 1000)); then
    due=$((icapdiag_time + 1000))
  fi
  if ((ended > SECONDS + 1)); then
    ended=$((SECONDS + 1))
  fi
}

# One connection: $1 ms for the answer, the request, and its rest; no request: only TCP. Prints what came of it behind the messages of bash.
icapdiag_exchange() {
  local connected='' status process=''
  trap '' PIPE
  shopt -s nocasematch
  icapdiag_now
  icapdiag_begun=$icapdiag_time
  if ((${#icapdiag_tls[@]})) && [[ -n $2 ]]; then
    coproc icapdiag_shell { exec openssl s_client -quiet -verify_quiet "${icapdiag_tls[@]}" 2>&1; }
    process=$!
    exec 3>&"${icapdiag_shell[1]}" 4<&"${icapdiag_shell[0]}"
  else
    icapdiag_watch "$icapdiag_connect" "$BASHPID"
    exec 3<>"/dev/tcp/$icapdiag_address/$icapdiag_port"
    status=$?
    kill "$icapdiag_dog" 2>/dev/null
    if ((status)); then
      icapdiag_now
      printf '\n=end=unconnected;took=%s=' $((icapdiag_time - icapdiag_begun))
      return
    fi
    exec 4<&3
  fi
  icapdiag_now
  connected=$((icapdiag_time - icapdiag_begun))
  if [[ -z $2 ]]; then
    printf '\n=end=open;connected=%s;took=%s=' "$connected" "$connected"
    return
  fi
  icapdiag_send 3 "$2"
  icapdiag_receive 4 "$1" 3 "$3"
  [[ -z $process ]] || kill "$process" 2>/dev/null
  icapdiag_now
  printf '\n=end=%s;connected=%s;first=%s;took=%s;status=%s=%s' "$icapdiag_end" "$connected" "$icapdiag_first" \
    $((icapdiag_time - icapdiag_begun)) "$icapdiag_status" "$icapdiag_hex"
}

# A TLS handshake that shows the server's certificates.
icapdiag_shake() {
  local process
  if [[ -n $icapdiag_authorities ]]; then
    openssl s_client -showcerts "${icapdiag_tls[@]}" "${icapdiag_checks[@]}" -no-CApath \
      -CAfile <(printf '%b' "$icapdiag_authorities") </dev/null 2>&1 &
  else
    openssl s_client -showcerts "${icapdiag_tls[@]}" "${icapdiag_checks[@]}" </dev/null 2>&1 &
  fi
  process=$!
  icapdiag_watch "$icapdiag_connect" "$process"
  wait "$process"
  printf '\nended with status %s' "$?"
  kill "$icapdiag_dog" 2>/dev/null
}

# Whether the step is to be sent now, by what came of the ones before.
icapdiag_wanted() {
  case $1 in
    always) return 0 ;;
    answered) [[ -n $icapdiag_options ]] ;;
    connected) [[ $icapdiag_tcp == open ]] ;;
    refused) [[ -n $icapdiag_options && $icapdiag_clean != 2* ]] ;;
    options-refused) [[ $icapdiag_options == [45]* && $icapdiag_clean != 2* ]] ;;
    clean) [[ $icapdiag_clean == 2* ]] ;;
    detected) [[ $icapdiag_eicar == 200 ]] ;;
    method) [[ $icapdiag_clean == 405 || $icapdiag_clean == 418 || $icapdiag_clean == 501 ]] ;;
    elsewhere) [[ $icapdiag_clean != 2* && ($icapdiag_options == 40[04] || $icapdiag_clean == 405) ]] ;;
    missed) [[ $icapdiag_eicar == 204 ]] ;;
    *) return 1 ;;
  esac
}

# One step: its name, when it is sent, ms for the answer, the request, and its rest.
icapdiag_step() {
  local text result words hex status='' began
  icapdiag_wanted "$2" || return 0
  icapdiag_now
  began=$icapdiag_time
  if [[ $1 == tls ]]; then
    words=$(icapdiag_shake)
    result='end=eof' hex=''
    LC_ALL=C
    while [[ -n $words ]]; do
      printf -v text '%02x' "'${words:0:1}"
      hex+=${text: -2}
      words=${words:1}
    done
    words=''
    icapdiag_now
    result+=";took=$((icapdiag_time - began))"
  else
    text=$(icapdiag_exchange "$3" "$4" "$5" 2>&1)
    words=$text result='end=killed' hex=''
    if [[ $text == *$'\n='*=* ]]; then
      words=${text%$'\n='*}
      result=${text##*$'\n='}
      hex=${result##*=}
      result=${result%=*}
      status=${result##*status=}
      [[ $result == *status=* ]] || status=''
    fi
  fi
  words=${words//[^A-Za-z0-9]/_}
  if ((${#words} > 160)); then
    words=${words: -160}
  fi
  printf '# %s %s: %s\n' "$icapdiag_where" "$1" "${status:-${result%%;*}}"
  icapdiag_print "f=step;m=$icapdiag_m;s=$1;at=$began;$result;said=$words" "$hex"
  case $1 in
    tcp) [[ $result != end=open* ]] || icapdiag_tcp=open ;;
    options) icapdiag_options=$status ;;
    clean) icapdiag_clean=$status ;;
    eicar) icapdiag_eicar=$status ;;
  esac
}

# Who prints this, where and when.
icapdiag_who() {
  local host=${HOSTNAME:-} shell=${BASH_VERSION:-} space=${icapdiag_netns:-} tools='' tool
  for tool in base64 cksum openssl printf; do
    ! type -P "$tool" >/dev/null || tools+="$tool,"
  done
  icapdiag_now
  icapdiag_coded "f=who;host=${host//[^A-Za-z0-9.-]/_};uid=$UID;ns=$space;bash=${shell//[^A-Za-z0-9.]/_};at=$icapdiag_time;tools=$tools" x ''
}

# Everything.
icapdiag_main() {
  local LC_ALL=C number
  icapdiag_now
  icapdiag_run=$(printf '%06x' $(((icapdiag_time / 7 + RANDOM * 32768 + RANDOM) % 16777216)))
  icapdiag_frame=0
  icapdiag_who
  icapdiag_coded f=plan b "$icapdiag_plan"
  for ((number = 0; number < icapdiag_targets; number++)); do
    icapdiag_frame=$((100 * (number + 1)))
    icapdiag_inside "icapdiag_target_$number"
  done
  icapdiag_frame=2
  icapdiag_coded f=plan b "$icapdiag_plan" # again: a terminal may have lost the beginning
  icapdiag_now
  icapdiag_coded "f=end;at=$icapdiag_time;targets=$icapdiag_targets" x ''
}

# Run a function here, or in the namespace that was asked for, by a bash that is given what it needs.
icapdiag_inside() {
  local name given=''
  if [[ -z $icapdiag_netns ]]; then
    "$1"
    return
  fi
  for name in run frame connect most; do
    name=icapdiag_$name
    given+="$name=${!name};"
  done
  given+=$(declare -f "$1" icapdiag_line icapdiag_coded icapdiag_print icapdiag_now icapdiag_watch icapdiag_send \
    icapdiag_receive icapdiag_soon icapdiag_exchange icapdiag_shake icapdiag_wanted icapdiag_step)
  ip netns exec "$icapdiag_netns" bash -c "LC_ALL=C; $given"$'\n'"$1" ||
    printf '# not run in the namespace %s\n' "$icapdiag_netns"
}
