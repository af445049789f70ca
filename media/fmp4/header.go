package fmp4

import (
	"bytes"
	"fmt"

	"github.com/Eyevinn/mp4ff/bits"
	"github.com/Eyevinn/mp4ff/mp4"
)

// header returns ftyp, moov and the indexes.
func (x *muxer) header() ([]byte, error) {
	var b bytes.Buffer
	boxes := []mp4.Box{mp4.NewFtyp("iso6", 512, []string{"iso6", "cmfc", "mp41"})}
	moov, err := x.moov()
	if err != nil {
		return nil, err
	}
	boxes = append(boxes, moov)
	for i := range x.streams {
		boxes = append(boxes, x.index(i))
	}
	for _, box := range boxes {
		if err := box.Encode(&b); err != nil {
			return nil, fmt.Errorf("write header: %w", err)
		}
	}
	return b.Bytes(), nil
}

// moov is the movie header: no samples, no metadata, only what a decoder needs. Its mehd
// tells the whole length to players that do not read sidx (8.8.2).
func (x *muxer) moov() (*mp4.MoovBox, error) {
	moov := mp4.NewMoovBox()
	mvhd := mp4.CreateMvhd()
	mvhd.Timescale, mvhd.NextTrackID = 1000, uint32(len(x.streams)+1)
	moov.AddChild(mvhd)
	mehd := &mp4.MehdBox{Version: 1}
	mvex := mp4.NewMvexBox()
	mvex.AddChild(mehd)
	for i, s := range x.streams {
		id := uint32(i + 1)
		trak, err := emptyTrak(id, s.track, x.rates[i].btrt())
		if err != nil {
			return nil, fmt.Errorf("write header: %w", err)
		}
		moov.AddChild(trak)
		mvex.AddChild(mp4.CreateTrex(id))
		mehd.FragmentDuration = max(mehd.FragmentDuration, ticksToTime(x.ends[i], s.track.Timescale).Milliseconds())
	}
	moov.AddChild(mvex)
	return moov, nil
}

// emptyTrak describes a track whose samples are all in fragments. Btrt is what to say of its
// bit rates when the source says nothing.
func emptyTrak(id uint32, t *track, btrt []byte) (*mp4.TrakBox, error) {
	language := t.Language
	if language == "" {
		language = "und"
	}
	trak := mp4.CreateEmptyTrak(id, t.Timescale, string(t.Kind), language)
	trak.Mdia.Hdlr.Name = map[Kind]string{Video: "VideoHandler", Audio: "SoundHandler"}[t.Kind]
	if t.Kind == Video {
		trak.Tkhd.Width, trak.Tkhd.Height = mp4.Fixed32(t.pixelWidth), mp4.Fixed32(t.pixelHeight)
	}
	head := t.clean()
	if len(t.entry.btrt) != 12 {
		head = appendBox(head, "btrt", btrt)
	}
	entry, err := rawBox(t.Entry, head)
	if err != nil {
		return nil, err
	}
	// AddChild would insist on the library's own type of sample entry.
	stsd := trak.Mdia.Minf.Stbl.Stsd
	stsd.Children, stsd.SampleCount = append(stsd.Children, entry), 1
	return trak, nil
}

func rawBox(kind string, payload []byte) (mp4.Box, error) {
	size := uint64(len(payload)) + 8
	return mp4.DecodeUnknownSR(mp4.BoxHeader{Name: kind, Size: size, Hdrlen: 8}, 0, bits.NewFixedSliceReader(payload))
}

// maxReferences is what the sixteen bits of reference_count hold.
const maxReferences = 65535

// index is the sidx of one stream for the whole file (8.16.3): an entry for each
// fragment, or for several when there are more than an index can hold. Each stream has
// one, since Chromium's reader of plain files takes the index as complete only then, and
// otherwise reads through everything before the point it seeks.
func (x *muxer) index(stream int) *mp4.SidxBox {
	sidx := &mp4.SidxBox{Version: 1, ReferenceID: uint32(stream + 1), Timescale: x.streams[stream].track.Timescale}
	sidx.EarliestPresentationTime = x.starts[stream]
	each := (len(x.plan) + maxReferences - 1) / maxReferences
	for i, p := range x.plan {
		if i%each == 0 {
			ref := mp4.SidxRef{}
			if p.key {
				ref.StartsWithSAP, ref.SAPType = 1, 1
			}
			sidx.SidxRefs = append(sidx.SidxRefs, ref)
		}
		last := &sidx.SidxRefs[len(sidx.SidxRefs)-1]
		last.ReferencedSize += uint32(p.size)
		last.SubSegmentDuration += p.ticks[stream]
	}
	// The indexes of the streams to come lie between this one and the first fragment.
	sidx.FirstOffset = sidx.Size() * uint64(len(x.streams)-1-stream)
	return sidx
}

// The flags a sample has: an ordinary frame needs others, a keyframe does not.
const (
	flagsKey   = 0x02000000
	flagsOther = 0x01010000
)

// moof describes a group and returns how many bytes its mdat holds.
func (x *muxer) moof(g group, number uint32) (*mp4.MoofBox, int64) {
	moof := &mp4.MoofBox{}
	_ = moof.AddChild(mp4.CreateMfhd(number))
	var truns []*mp4.TrunBox
	var offsets []int64
	var data int64
	for i, list := range g {
		if len(list) == 0 {
			continue
		}
		traf, trun := x.traf(uint32(i+1), list)
		_ = moof.AddChild(traf)
		truns, offsets = append(truns, trun), append(offsets, data)
		for _, s := range list {
			data += int64(s.size)
		}
	}
	for i, trun := range truns {
		trun.DataOffset = int32(int64(moof.Size()) + 8 + offsets[i])
	}
	return moof, data
}

// traf describes the samples of one track. What all have in common is said once.
func (x *muxer) traf(id uint32, list []sample) (*mp4.TrafBox, *mp4.TrunBox) {
	traf := &mp4.TrafBox{}
	tfhd := mp4.CreateTfhd(id)
	tfhd.Flags |= tfhdDuration | tfhdFlags
	tfhd.DefaultSampleDuration = list[0].dur
	tfhd.DefaultSampleFlags = flagsKey
	tfdt := mp4.CreateTfdt(list[0].dts)
	trun := &mp4.TrunBox{Version: 1, Flags: trunDataOffset | trunSize, Samples: make([]mp4.Sample, len(list))}
	for i, s := range list {
		flags := uint32(flagsKey)
		if !s.key {
			flags = flagsOther
			tfhd.DefaultSampleFlags = flagsOther
		}
		trun.Samples[i] = mp4.Sample{Flags: flags, Dur: s.dur, Size: s.size, CompositionTimeOffset: s.cto}
		if s.dur != list[0].dur {
			trun.Flags |= trunDuration
		}
		if s.cto != 0 {
			trun.Flags |= trunCTO
		}
		if i > 0 && s.key && tfhd.DefaultSampleFlags == flagsOther {
			trun.Flags |= trunFlags
		}
	}
	if trun.Flags&trunFlags == 0 && list[0].key && tfhd.DefaultSampleFlags == flagsOther {
		trun.SetFirstSampleFlags(flagsKey)
	}
	for _, child := range []mp4.Box{tfhd, tfdt, trun} {
		_ = traf.AddChild(child)
	}
	return traf, trun
}
