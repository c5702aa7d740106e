/** {@code varve csi}: the CSI driver as a process, with what it needs of this program: the connection to the cluster, and {@code varve attach}. */
@NullMarked
package io.varve.cli.csi;

import org.jspecify.annotations.NullMarked;
