// first_taps.wgsl: the elements of x under the first KW - 1 taps of a row, in registers.
//
// Params:   P H W C G    sizes; C channels a group.
//           KW PW        kernel, padding.
//           TN           columns of a thread.
// Stands in a loop over rows of y, after tap_rows.wgsl. The includer declares row, that of y among all images; it gets x_row, the element of
// x where the row would start without padding; is_row0, is_row1, ..., whether a column's row lies in x; and b0_0, b0_1, ..., by column and tap.
    let n = row / ${P}u;
    let h = i32(row - n * ${P}u);
    let x_row = (i32(n * ${H}u) + h) * ${W * G * C}i;
#for J in 0..TN
    let is_row${J} = u32(h + dh${J}) < ${H}u;
#for K in 0..KW - 1
    let is_in${J}_${K} = is_row${J} & (u32(${K}i - ${PW}i) < ${W}u);
    var b${J}_${K} = select(0.0, f32(x[select(0i, x_row + at${J} + ${K * G * C}i, is_in${J}_${K})]), is_in${J}_${K});
#endfor
#endfor
