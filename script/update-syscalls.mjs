#!/usr/bin/env node
// Writes native/seccomp/syscalls.inc from the kernel's own headers: one row per name, one column per architecture.
//
//   script/update-syscalls.mjs X86_INCLUDE ARM64_INCLUDE ARM_INCLUDE
//
// The arguments are include directories as Debian's linux-libc-dev, linux-libc-dev-arm64-cross and
// linux-libc-dev-armhf-cross have them (/usr/include, /usr/aarch64-linux-gnu/include, /usr/arm-linux-gnueabihf/include).
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

const [x86, arm64, arm] = process.argv.slice(2);
if (!arm) throw new Error('usage: update-syscalls.mjs X86_INCLUDE ARM64_INCLUDE ARM_INCLUDE');
const multiarch = existsSync(`${x86}/x86_64-linux-gnu`) ? 'x86_64-linux-gnu/' : '';

/** Column order of the table. */
const columns = [
  { name: 'x86_64', numbers: read([x86, `${x86}/${multiarch}`], 'asm/unistd_64.h') },
  { name: 'i386', numbers: read([x86, `${x86}/${multiarch}`], 'asm/unistd_32.h') },
  { name: 'x32', numbers: read([x86, `${x86}/${multiarch}`], 'asm/unistd_x32.h', ['-D__X32_SYSCALL_BIT=0']) },
  { name: 'arm64', numbers: read([arm64], 'asm/unistd.h', ['-U__x86_64__', '-D__aarch64__']) },
  { name: 'arm', numbers: read([arm], 'asm/unistd.h', ['-U__x86_64__', '-D__arm__', '-D__ARM_EABI__']) },
];

/** Newer than the headers: the same number everywhere since Linux 5.1 (scripts/syscall.tbl of Linux 7.0). */
const newer = {
  cachestat: 451, fchmodat2: 452, map_shadow_stack: 453, futex_wake: 454, futex_wait: 455, futex_requeue: 456,
  statmount: 457, listmount: 458, lsm_get_self_attr: 459, lsm_set_self_attr: 460, lsm_list_modules: 461, mseal: 462,
  setxattrat: 463, getxattrat: 464, listxattrat: 465, removexattrat: 466, open_tree_attr: 467, file_getattr: 468,
  file_setattr: 469, listns: 470, rseq_slice_yield: 471,
}; // prettier-ignore
for (const [name, number] of Object.entries(newer)) for (const { numbers } of columns) numbers.set(name, number);
columns[2].numbers.delete('map_shadow_stack'); // `64` in arch/x86's table: not for x32
columns[0].numbers.set('uretprobe', 335).set('uprobe', 336); // x86_64 alone (6.11, 6.18)

const names = [...new Set(columns.flatMap(({ numbers }) => [...numbers.keys()]))].sort();
const rows = names.map((name) => `{"${name}", {${columns.map(({ numbers }) => numbers.get(name) ?? -1).join(', ')}}},`);
const head = `// Made by script/update-syscalls.mjs: do not edit. Sorted by name; ${columns.map(({ name }) => name).join(', ')}; -1: has none.\n`;
writeFileSync(new URL('../native/seccomp/syscalls.inc', import.meta.url), `${head}${rows.join('\n')}\n`);
console.log(`${names.length} names`);

/** Every __NR_ name of a header and its number, as the preprocessor resolves it. */
function read(includes, header, defines = []) {
  const flags = ['-E', '-P', '-nostdinc', '-x', 'c', ...includes.flatMap((include) => ['-I', include]), ...defines];
  const preprocess = (extra, text) => execFileSync('cc', [...flags, ...extra, '-'], { input: text, encoding: 'utf8' });
  const include = `#include <${header}>\n`;
  const macros = preprocess(['-dM'], include).matchAll(/^#define (__(?:ARM_)?NR_(\w+))\s+\S/gm);
  const wanted = [...macros].filter(([, , name]) => !/^(syscalls|BASE|SYSCALL_|OABI_|arch_specific)/.test(name));
  const text = preprocess([], include + wanted.map(([, macro, name]) => `@"${name}" ${macro}\n`).join(''));
  const numbers = new Map();
  for (const [, name, expression] of text.matchAll(/^@\s*"(\w+)" (.*)$/gm)) {
    if (/^[\dxa-f()+ ]+$/.test(expression)) numbers.set(name, Number(Function(`return ${expression}`)()));
  }
  return numbers;
}
