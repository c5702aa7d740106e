package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.WantNode;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A volume that nobody wants may be opened so that copies are filled: everybody else's wish comes first. */
class MaintenanceRulesTest {
    private final Truths truths = Truths.ofThreeNodes();
    private Volume volume;

    @BeforeEach
    void create() {
        volume = truths.createVolume("db", "g1", "g2");
    }

    private Volume now() {
        return truths.volume(volume.getId());
    }

    private void maintain(String node) {
        truths.must(new WantNode(volume.getId(), node, true));
    }

    /** Opened on n1 for maintenance. */
    private Volume maintained() {
        maintain("n1");
        Volume attached =
                truths.must(new Attach(volume.getId(), 0, "n1", 1, "a")).requireVolume();
        truths.open(attached, 1, "g1", "g2");
        truths.must(new Opened(volume.getId(), attached.getEpoch(), ""));
        return now();
    }

    @Test
    void maintenanceTakesOnlyWhatNobodyWants() {
        truths.must(new WantNode(volume.getId(), "n2"));
        truths.refuses(new WantNode(volume.getId(), "n1", true), TruthCode.TRUTH_REFUSED);
        truths.refuses(new WantNode(volume.getId(), "n2", true), TruthCode.TRUTH_REFUSED);
        truths.refuses(new WantNode(volume.getId(), "", true), TruthCode.TRUTH_REFUSED);
        assertThat(now().getMaintenance()).isFalse();
    }

    @Test
    void aVolumeThatWasToBeOpenedForItsCopiesOnlyIsDeleted() {
        maintain("n1");
        truths.must(new DeleteVolume(volume.getId()));
        assertThat(now().getWantedNode()).isEmpty();
        assertThat(now().getMaintenance()).isFalse();
    }

    @Test
    void somebodysWishWinsAtOnceOnAnotherNode() {
        Volume maintained = maintained();
        truths.must(new WantNode(volume.getId(), "n2"));
        assertThat(now().getMaintenance()).isFalse();
        assertThat(now().getWantedNode()).isEqualTo("n2");
        Volume taken = truths.must(new Attach(volume.getId(), maintained.getEpoch(), "n2", 1, "b"))
                .requireVolume();
        assertThat(taken.getEpoch()).isEqualTo(maintained.getEpoch() + 1);
        truths.refuses(new Detached(volume.getId(), maintained.getEpoch()), TruthCode.TRUTH_STALE_EPOCH);
    }

    @Test
    void somebodysWishOnTheSameNodeNeedsNoNewEpochButATarget() {
        Volume maintained = maintained();
        truths.must(new WantNode(volume.getId(), "n1"));
        assertThat(now().getState()).isEqualTo(VolumeState.VOLUME_ATTACHING);
        assertThat(now().getAttachment().getOpen()).isFalse();
        truths.must(new Opened(volume.getId(), maintained.getEpoch(), "nbd://n1/db"));
        assertThat(now().getAttachment().getNbdUri()).isEqualTo("nbd://n1/db");
        assertThat(now().getEpoch()).isEqualTo(maintained.getEpoch());
    }

    @Test
    void maintenanceMovesAndLetsGo() {
        Volume maintained = maintained();
        maintain("n2");
        assertThat(now().getMaintenance()).isTrue();
        maintain("n1");
        maintain("");
        assertThat(now().getWantedNode()).isEmpty();
        truths.must(new Detached(volume.getId(), maintained.getEpoch()));
        assertThat(now().getMaintenance()).isFalse();
        assertThat(now().getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
    }

    @Test
    void whatIsStillLetGoOfGivesWayToo() {
        maintained();
        maintain("");
        truths.must(new WantNode(volume.getId(), "n3"));
        assertThat(now().getWantedNode()).isEqualTo("n3");
        assertThat(now().getMaintenance()).isFalse();
    }

    @Test
    void aMoveIsAWish() {
        maintained();
        truths.must(new MoveVolume(volume.getId(), "n1", "n2", "m1"));
        assertThat(now().getMaintenance()).isFalse();
    }

    @Test
    void aRestartOfTheNodeKeepsMaintenanceThatIsWanted() {
        maintained();
        truths.must(new RegisterNode(Truths.node("n1", 2), ""));
        assertThat(now().getMaintenance()).isTrue();
        maintain("");
        assertThat(now().getMaintenance()).isFalse();
        assertThat(now().hasAttachment()).isFalse();
    }
}
