package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	colour "image/color" //nolint:misspell // Go's own spelling
	"image/draw"
	"image/gif"
	"slices"
	"testing"
	"time"
)

const (
	maxColours   = 255 // of GIF's 256, one is the transparent one
	exactColours = 128 // most frequent ones, which are kept: a large area must not be tinted
)

// hundredth of a second is the unit of time in a GIF.
const hundredth = 10 * time.Millisecond

// frame is a picture of an animation, and how long it is shown.
type frame struct {
	picture image.Image
	shown   time.Duration
}

// rgb is an opaque colour: red, green and blue.
type rgb [3]uint8

// encodeGIF makes a GIF of opaque pictures of one size, which repeats for ever. No
// colour of a pixel is off by more than the error that it returns, in 255ths of red,
// green or blue. Nothing is dithered, so that text stays sharp.
func encodeGIF(frames []frame) (data []byte, colourError int, err error) {
	pixels := make([]*image.RGBA, len(frames))
	for i, f := range frames {
		pixels[i] = image.NewRGBA(image.Rectangle{Max: f.picture.Bounds().Size()})
		draw.Draw(pixels[i], pixels[i].Rect, f.picture, f.picture.Bounds().Min, draw.Src)
		if got, want := pixels[i].Rect.Max, pixels[0].Rect.Max; got != want {
			return nil, 0, fmt.Errorf("encode frame %d: its size is %v, want %v", i+1, got, want)
		}
	}
	colours, colourError := choosePalette(countColours(pixels))
	palette := make(colour.Palette, 0, len(colours)+1)
	for _, c := range colours {
		palette = append(palette, opaque(c))
	}
	palette = append(palette, colour.RGBA{}) // transparent
	size := pixels[0].Rect.Max
	all := gif.GIF{Config: image.Config{ColorModel: palette, Width: size.X, Height: size.Y}}
	nearest := make(map[rgb]uint8)
	var before *image.Paletted
	for i, p := range pixels {
		now := quantise(p, colours, palette, nearest)
		all.Image = append(all.Image, difference(before, now))
		all.Delay = append(all.Delay, int(frames[i].shown/hundredth))
		all.Disposal = append(all.Disposal, gif.DisposalNone)
		before = now
	}
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, &all); err != nil {
		return nil, 0, fmt.Errorf("encode the GIF: %w", err)
	}
	return out.Bytes(), colourError, nil
}

func opaque(c rgb) colour.RGBA { return colour.RGBA{R: c[0], G: c[1], B: c[2], A: 255} }

func at(p *image.RGBA, i int) rgb { return rgb(p.Pix[i : i+3]) }

// countColours lists the colours of the frames, the most frequent first.
func countColours(frames []*image.RGBA) []rgb {
	counts := make(map[rgb]int)
	for _, p := range frames {
		for i := 0; i < len(p.Pix); i += 4 {
			counts[at(p, i)]++
		}
	}
	list := make([]rgb, 0, len(counts))
	for c := range counts {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b rgb) int {
		return cmp.Or(counts[b]-counts[a], slices.Compare(a[:], b[:]))
	})
	return list
}

// choosePalette takes the first colours, and of the others those that are not near to
// one that it has taken. Near is the smallest distance for which few enough remain.
func choosePalette(colours []rgb) (palette []rgb, near int) {
	for near = 0; ; near++ {
		palette = slices.Clone(colours[:min(exactColours, len(colours))])
		for _, c := range colours[len(palette):] {
			if !slices.ContainsFunc(palette, func(p rgb) bool { return distance(c, p) <= near }) {
				palette = append(palette, c)
			}
			if len(palette) > maxColours {
				break
			}
		}
		if len(palette) <= maxColours {
			return palette, near
		}
	}
}

// distance is the largest difference in red, green or blue.
func distance(a, b rgb) (d int) {
	for i := range a {
		d = max(d, int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return d
}

// quantise gives each pixel the nearest colour of the palette; nearest keeps what
// was found.
func quantise(p *image.RGBA, colours []rgb, palette colour.Palette, nearest map[rgb]uint8) *image.Paletted {
	picture := image.NewPaletted(p.Rect, palette)
	for i := range picture.Pix {
		c := at(p, 4*i)
		index, found := nearest[c]
		if !found {
			best := slices.MinFunc(colours, func(a, b rgb) int { return distance(a, c) - distance(b, c) })
			index = uint8(slices.Index(colours, best))
			nearest[c] = index
		}
		picture.Pix[i] = index
	}
	return picture
}

// difference is the part of a picture that differs from the one before it. Its pixels
// that do not differ have the last colour of the palette, which is transparent. Without
// a picture before it, it is the whole picture.
func difference(before, now *image.Paletted) *image.Paletted {
	if before == nil {
		return now
	}
	var changed image.Rectangle
	for i := range now.Pix {
		if x, y := i%now.Stride, i/now.Stride; now.Pix[i] != before.Pix[i] {
			changed = changed.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	if changed.Empty() {
		changed = image.Rect(0, 0, 1, 1) // a GIF has no empty frames
	}
	part := image.NewPaletted(changed, now.Palette)
	for y := changed.Min.Y; y < changed.Max.Y; y++ {
		for x := changed.Min.X; x < changed.Max.X; x++ {
			index := now.ColorIndexAt(x, y)
			if index == before.ColorIndexAt(x, y) {
				index = uint8(len(now.Palette) - 1)
			}
			part.SetColorIndex(x, y, index)
		}
	}
	return part
}

// composeGIF lists the pictures that a viewer of the GIF sees.
func composeGIF(t *testing.T, data []byte) (seen []*image.RGBA, all *gif.GIF) {
	t.Helper()
	all, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("decode the GIF: %v", err)
	}
	screen := image.NewRGBA(image.Rect(0, 0, all.Config.Width, all.Config.Height))
	for _, part := range all.Image {
		draw.Draw(screen, part.Rect, part, part.Rect.Min, draw.Over)
		picture := image.NewRGBA(screen.Rect)
		copy(picture.Pix, screen.Pix)
		seen = append(seen, picture)
	}
	return seen, all
}

// flat is a small picture of one colour, with dots of others.
func flat(c rgb, dots ...rgb) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, 64, 48))
	draw.Draw(p, p.Rect, image.NewUniform(opaque(c)), image.Point{}, draw.Src)
	for i, dot := range dots {
		p.Set(i%64, 7+i/64, opaque(dot))
	}
	return p
}

// A viewer sees every pixel of every frame in its colour, or in one that is as near
// as the encoder says. The most frequent colours are exact.
func TestEncodedGIFShowsTheFrames(t *testing.T) {
	white, black := rgb{255, 255, 255}, rgb{}
	var many []rgb
	for i := range 1000 {
		many = append(many, rgb{uint8(i), uint8(i / 4), uint8(i % 7 * 30)})
	}
	red := flat(white, rgb{200, 10, 10}, rgb{190, 10, 10})
	for name, c := range map[string]struct {
		pictures []*image.RGBA
		maxError int
	}{
		"few colours":           {[]*image.RGBA{flat(white), red, red, flat(black), red}, 0},
		"more than 255 colours": {[]*image.RGBA{flat(white), flat(white, many...), red}, 40},
	} {
		t.Run(name, func(t *testing.T) {
			var frames []frame
			for i, p := range c.pictures {
				frames = append(frames, frame{p, time.Duration(i+1) * hundredth})
			}
			data, colourError, err := encodeGIF(frames)
			if err != nil || colourError > c.maxError {
				t.Fatalf("got an error of the colours of %d, and %v; want at most %d", colourError, err, c.maxError)
			}
			seen, all := composeGIF(t, data)
			if len(seen) != len(frames) || all.Delay[1] != 2 || all.LoopCount != 0 {
				t.Fatalf("got %d frames, delays %v, loop count %d", len(seen), all.Delay, all.LoopCount)
			}
			for i, want := range c.pictures {
				if worst := worstPixel(seen[i], want); worst > colourError {
					t.Errorf("in frame %d a colour is off by %d, want at most %d", i+1, worst, colourError)
				}
			}
			if worst := worstPixel(seen[0], c.pictures[0]); worst != 0 {
				t.Errorf("the most frequent colour is off by %d", worst)
			}
		})
	}
}

// worstPixel is the largest distance between the colours of two pictures.
func worstPixel(got, want *image.RGBA) (worst int) {
	for i := 0; i < len(want.Pix); i += 4 {
		worst = max(worst, distance(at(got, i), at(want, i)))
	}
	return worst
}

// Screenshots of different sizes are refused: a viewer would cut them off.
func TestGIFHasFramesOfOneSize(t *testing.T) {
	wide := image.NewRGBA(image.Rect(0, 0, 65, 48))
	_, _, err := encodeGIF([]frame{{flat(rgb{}), hundredth}, {wide, hundredth}})
	if want := "encode frame 2: its size is (65,48), want (64,48)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
