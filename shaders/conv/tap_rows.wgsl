// tap_rows.wgsl: the columns of [KH, C] of a thread, each a row of taps and a channel, and where they read x.
//
// Params:   W C G          sizes; C channels a group.
//           KH DH PH PW    kernel, dilation of the rows, padding.
//           TN WX          columns of a thread, threads beside one another.
// Stands in the body of main. The includer declares group, local and g, the group of channels; it gets column, the first one; t0, t1, ...,
// clamped to those there are; dh0, dh1, ..., from a row of y to that of x; and at0, at1, ..., the same in elements, the channel included.
  let column = group.x * ${WX * TN}u + local.x;
#for J in 0..TN
  let t${J} = min(column + ${J * WX}u, ${KH * C - 1}u);
  let dh${J} = i32(t${J} / ${C}u * ${DH}u) - ${PH}i;
  let at${J} = (dh${J} * ${W}i - ${PW}i) * ${G * C}i + i32(g * ${C}u + t${J} % ${C}u);
#endfor
