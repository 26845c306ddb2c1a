// strip_place.wgsl: where a strip of TM neighbouring pixels of a row of y lies, and the TM + KW - 1 columns of x under its taps.
//
// Params:   N P Q H W  sizes; Q is a multiple of TM.
//           KW PH PW   kernel, padding.
//           TM         pixels of a strip.
// Stands in the body of main. The includer declares strip, the strip's number; it gets n, the image, which may lie beyond the last; image,
// top and left, where x begins; and is_column0, is_column1, ..., whether a column lies in x.
  let row = strip / ${Q / TM}u;
  let left = i32((strip - row * ${Q / TM}u) * ${TM}u) - ${PW}i;
  let n = row / ${P}u;
  let top = i32(row - n * ${P}u) - ${PH}i;
  let image = i32(min(n, ${N - 1}u) * ${H}u);
#for T in 0..TM + KW - 1
  let is_column${T} = u32(left + ${T}i) < ${W}u;
#endfor
