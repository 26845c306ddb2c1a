// tile_product.wgsl: adds the product of two tiles in shared memory to a thread's sums.
//
//   s[i, j] += sum_d tile_a[d, local.y + i WY] * tile_b[d, local.x + j WX]
//
// Params:   TM TN WX WY  tile of a thread, threads of a workgroup.
//           BK           depth of the tiles.
// Stands in the body of a loop that all threads of a workgroup run through alike. The includer declares the tiles, with rows of
// WY TM + 1 and WX TN + 1 elements, the sums s0_0, s0_1, ... and the thread's place local.
    // The tiles are whole before anyone reads them, and read before anyone fills them again.
    workgroupBarrier();
    for (var d = 0u; d < ${BK}u; d++) {
#for I in 0..TM
      let a${I} = tile_a[d * ${WY * TM + 1}u + local.y + ${I * WY}u];
#endfor
#for J in 0..TN
      let b${J} = tile_b[d * ${WX * TN + 1}u + local.x + ${J * WX}u];
#endfor
#for I in 0..TM
#for J in 0..TN
      s${I}_${J} += a${I} * b${J};
#endfor
#endfor
    }
    workgroupBarrier();
