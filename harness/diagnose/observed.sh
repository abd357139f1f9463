# ---- while somebody looks on ----------------------------------------------------------------------------------------
# What the shell reads byte by byte, another program reads at once: each byte would be a system call more to be watched.
mounted() { grep -qF -- " $here/$1 " /proc/self/mountinfo; }
table() { cat /proc/self/mountinfo >"$out/mounts"; }
