// The part of a guest's user-data that has its job's checkpoint script run when the guest is asked to power off.
// Promises: the job's own script goes on until the checkpoint script has ended; what it prints goes to the serial console. An
// end of the job does not run it, as the wrapper powers off by force then.

import { quoted } from './shell-word.ts';

/** Where the guest's process 1 is told what to do before it powers off. */
export interface CheckpointPlaces {
  readonly terminal: string;
  readonly state: string;
  /** Folder of units, where systemd is process 1. */
  readonly units: string;
  /** Of busybox, where that is process 1. */
  readonly inittab: string;
  readonly rereadInittab: string;
}

/** The script is at `checkpoint` in the folder of the wrapper's state. */
export function installCheckpoint(
  { withinSeconds }: { readonly withinSeconds: number },
  places: CheckpointPlaces,
): string {
  const { terminal, state, units, inittab, rereadInittab } = places;
  const hook = `${state}/before-power-off`;
  const unit = `${units}/idlewild-checkpoint.service`;
  return `{
  echo '#!/bin/sh'
  echo "export PATH=$PATH HOME=$HOME"
  echo "cd $work"
  cat <<'IDLEWILD_END'
{
  echo 'idlewild: saving the work'
  ${quoted(`${state}/checkpoint`)}
  echo "idlewild: the checkpoint script ended with exit code $?"
} </dev/null >>${quoted(terminal)} 2>&1
sync
IDLEWILD_END
} >${quoted(hook)} && chmod 0700 ${quoted(hook)}
if [ -d ${quoted(units)} ]; then
  cat >${quoted(unit)} <<'IDLEWILD_END'
[Unit]
Description=Saves the work of the job before the guest is powered off
# What is started before it is stopped after it: the job runs in cloud-init's last service.
After=cloud-final.service network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=${hook}
TimeoutStopSec=${withinSeconds}
IDLEWILD_END
  # That service is still starting, and is not to be waited for.
  systemctl daemon-reload && systemctl start --job-mode=ignore-dependencies idlewild-checkpoint.service
elif [ -w ${quoted(inittab)} ]; then
  { echo ${quoted(`::shutdown:${hook}`)}; cat ${quoted(inittab)}; } >${quoted(`${state}/inittab`)} &&
    cat ${quoted(`${state}/inittab`)} >${quoted(inittab)} && ${rereadInittab}
else
  say 'nothing here runs the checkpoint script before the guest is powered off'
fi
`;
}
