// strip_row.wgsl: where the elements of x under a strip lie in the row of tap kh.
//
// Params:   H W C G  sizes; C channels a group.
//           KW DH    kernel, dilation of the rows.
//           TM       pixels of a strip.
// Stands in a loop over kh, after strip_place.wgsl. The includer declares g, the group; it gets x0, x1, ..., where the channels of a column
// start in x, 0 where they are padding, and is_in0, is_in1, ..., whether they are not.
    let h = top + i32(kh * ${DH}u);
    let is_row = u32(h) < ${H}u;
    let start = ((image + h) * ${W}i + left) * ${G * C}i + i32(g * ${C}u);
#for T in 0..TM + KW - 1
    let is_in${T} = is_row & is_column${T};
    let x${T} = u32(select(0i, start + ${T * G * C}i, is_in${T}));
#endfor
