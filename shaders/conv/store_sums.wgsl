// store_sums.wgsl: stores the sums of a thread's outputs over the pixels of a part, by one thread for each.
//
// Params:   O G TM  sizes, outputs of a thread.
//           SUMS    there are sums.
// Stands in the body of main. The includer declares sums [parts, G O], the sums sum0, sum1, ... and where they belong: group, local, part,
// g and o_start.
#if SUMS
  if ((group.x == 0u) & (local.x == 0u)) {
#for I in 0..TM
    if (o_start + ${I}u < ${O}u) {
      sums[(part * ${G}u + g) * ${O}u + o_start + ${I}u] = sum${I};
    }
#endfor
  }
#endif
