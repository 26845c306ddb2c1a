// column_moments.wgsl: moments of the columns of a workgroup's outputs.
//
//   moments[at + column] = (rows, mean, sum over them of (value - mean) ** 2, 0)
//
// Params:   TM TN WX WY  tile of a thread, TN a multiple of 4, and threads of a workgroup.
// Stands in the body of main, where all threads of a workgroup come by. The includer declares the outputs as quads c0_0, c0_1, ..., their
// rows row0, row1, ... and columns out0, out1, ..., the first row, row_start, and where rows and columns end, row_end and column_end; moments
// and moments_at; and hand and handed, which write and read TN / 4 quads of each thread in shared memory that nothing else uses by then.
  let rows = f32(min(${WY * TM}u, max(row_end, row_start) - row_start));
#for STAGE in 0..2
#for J in 0..TN / 4
  var part${STAGE}_${J} = vec4<f32>();
#endfor
#for I in 0..TM
  if (row${I} < row_end) {
#for J in 0..TN / 4
#if STAGE == 0
    part0_${J} += c${I}_${J};
#else
    part1_${J} += (c${I}_${J} - mean${J}) * (c${I}_${J} - mean${J});
#endif
#endfor
  }
#endfor
#for J in 0..TN / 4
  hand(${J * WX * WY}u + local.y * ${WX}u + local.x, part${STAGE}_${J});
#endfor
  workgroupBarrier();
#for J in 0..TN / 4
  var total${STAGE}_${J} = vec4<f32>();
  for (var line = 0u; line < ${WY}u; line++) {
    total${STAGE}_${J} += handed(${J * WX * WY}u + line * ${WX}u + local.x);
  }
#endfor
#if STAGE == 0
#for J in 0..TN / 4
  let mean${J} = total0_${J} / rows;
#endfor
  workgroupBarrier();
#endif
#endfor
  if ((local.y == 0u) & (row_start < row_end)) {
#for J in 0..TN / 4
#for E in 0..4
    if (out${J * 4 + E} < column_end) {
      moments[moments_at + out${J * 4 + E}] = vec4<f32>(rows, mean${J}[${E}], total1_${J}[${E}], 0.0);
    }
#endfor
#endfor
  }
