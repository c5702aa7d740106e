package io.varve.control.api;

import io.varve.api.AddDiskRequest;
import io.varve.api.DiskGroup;
import io.varve.api.NodeControlService;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.vertx.core.Future;
import io.vertx.core.streams.WriteStream;

/** What other nodes pass on to this one, because only it can do it. */
final class NodeControlEndpoint extends NodeControlService {
    private final NodeLocal local;

    NodeControlEndpoint(NodeLocal local) {
        this.local = local;
    }

    @Override
    public Future<DiskGroup> addDevice(AddDiskRequest request) {
        return Failures.told(local.addDevice(request));
    }

    @Override
    protected void verifyAttached(VerifyVolumeRequest request, WriteStream<VerifyProgress> response) {
        ProgressStream stream = new ProgressStream(response);
        stream.endWith(local.verify(request, stream));
    }
}
